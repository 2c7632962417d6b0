// The checks of every op: values, gradients, SIMD against scalar, float against double.
//
// A case is a struct with its sizes as members, and
//   name, trained            the name of the op; how many inputs, from the first, are trained (the others are constant)
//   tolerance                of values and gradients, in rounding errors of the largest element
//   all()                    the cases to test: sizes 0, 1, odd, not a multiple of the SIMD width, ties, large values
//   label()                  sizes, for messages
//   inputs<S, D>()           one tensor each, with equal values for every S and D (exact in float)
//   run(tape, vars)          the op, on one Var per input
//   smooth()                 optional: whether central differences are accurate at these sizes
//   reference(inputs)        the reference in double, element by element
//   flops(), bytes(size)     of one forward pass, with elements of `size` bytes; for benchmarks
// A new op: add its case here and a test in tests/op that calls check_all.
#pragma once

#include "neutra/testing/check_gradient.hpp"

#include "tests/catch.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace cases {

using namespace neutra;

/// A backend that fills new memory with NaN (and -1), to detect elements that an op does not write.
template <class D> struct Dirty : D {
  static void* allocate(std::size_t bytes) {
    void* memory = D::allocate(bytes);
    std::memset(memory, 0xff, bytes);
    return memory;
  }
};

/// Normal values that are exact in float.
template <Scalar S, class D> Tensor<S, D> numbers(const Shape& shape, std::string_view name, double scale = 1.0) {
  Tensor<S, D> tensor(shape);
  const Philox random(42, name);
  for (Index i = 0; i < shape.size(); ++i)
    tensor.data()[i] = static_cast<S>(static_cast<float>(scale * random.normal(0, static_cast<std::uint64_t>(i))));
  return tensor;
}

template <class... T> auto list(T&&... tensors) {
  std::vector<std::common_type_t<T...>> all;
  (all.push_back(std::move(tensors)), ...);
  return all;
}

template <class S> std::vector<double> as_doubles(View<const S> x) { return {x.data, x.data + x.size()}; }
template <class S> std::vector<double> as_doubles(const std::vector<S>& x) { return {x.begin(), x.end()}; }

/// max |a - b| / max |b|; infinity for different sizes or where anything is not finite.
inline double difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double most = 0, largest = 1e-300;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) return std::numeric_limits<double>::infinity();
    most = std::max(most, std::abs(a[i] - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  return most / largest;
}

struct Outcome {
  std::vector<double> value;
  std::vector<std::vector<double>> gradients;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

/// The first `trained` tensors as leaves (their Vars are returned), the others as inputs.
template <Scalar S, Backend D, class Case>
Var<S, D> run_case(const Case& c, Tape<S, D>& tape, std::vector<Var<S, D>> vars,
                   const std::vector<Tensor<S, D>>& inputs) {
  for (std::size_t i = vars.size(); i < inputs.size(); ++i) vars.push_back(tape.input(inputs[i].view()));
  return c.run(tape, vars);
}

/// The value, and the gradients of the sum of its elements times fixed weights; on any device.
template <Scalar S, Backend D, class Case> Outcome evaluate(const Case& c) {
  std::vector<Tensor<S, D>> inputs;
  for (const auto& input : c.template inputs<S, Host>()) inputs.push_back(testing::on_device<S, D>(input));
  std::vector<Parameter<S, D>> parameters;
  for (std::size_t i = 0; i < Case::trained; ++i) parameters.emplace_back("input", inputs[i].clone());
  Tape<S, D> tape;
  tape.start();
  std::vector<Var<S, D>> vars;
  for (auto& parameter : parameters) vars.push_back(tape.leaf(parameter));
  const auto y = run_case(c, tape, vars, inputs);
  Outcome outcome{as_doubles(testing::from_device<D>(y.value())), {}};
  const auto weights = testing::on_device<S, D>(numbers<S, Host>(y.shape(), "projection"));
  tape.backward(testing::weighted_sum(y, weights));
  for (auto& parameter : parameters) outcome.gradients.push_back(as_doubles(testing::from_device(parameter.gradient)));
  return outcome;
}

template <Backend D, class Case> double gradient_error(const Case& c) {
  const auto inputs = c.template inputs<double, D>();
  std::vector<Tensor<double, D>> trained;
  for (std::size_t i = 0; i < Case::trained; ++i) trained.push_back(inputs[i].clone());
  return testing::gradient_error<D>(trained, [&](Tape<double, D>& tape, std::vector<Var<double, D>>& vars) {
    return run_case(c, tape, vars, inputs);
  });
}

/// Checks that value and gradients of `a` equal those of `b` up to `tolerance`.
inline void check_equal(const Outcome& a, const Outcome& b, double tolerance) {
  CHECK(difference(a.value, b.value) <= tolerance);
  REQUIRE(a.gradients.size() == b.gradients.size());
  for (std::size_t i = 0; i < a.gradients.size(); ++i) {
    CAPTURE(i);
    CHECK(difference(a.gradients[i], b.gradients[i]) <= tolerance);
  }
}

template <class Case> void check_case(const Case& c) {
  INFO(Case::name << " " << c.label());
  const auto inputs = c.template inputs<double, Host>();
  Index elements = 0;
  for (std::size_t i = 0; i < Case::trained; ++i) elements += inputs[i].shape().size();
  constexpr double fine = Case::tolerance * std::numeric_limits<double>::epsilon(),
                   coarse = Case::tolerance * std::numeric_limits<float>::epsilon();
  const Outcome simd = evaluate<double, Dirty<Cpu>>(c);
  CHECK(difference(simd.value, c.reference(inputs)) <= fine);
  check_equal(evaluate<double, Dirty<ScalarCpu>>(c), simd, fine);
  check_equal(evaluate<float, Dirty<Cpu>>(c), simd, coarse);
  check_equal(evaluate<float, Dirty<ScalarCpu>>(c), simd, coarse);
  constexpr Index affordable = 1000;  // two forward passes per element
  if (elements > affordable) return;
  if constexpr (requires { c.smooth(); }) {
    if (!c.smooth()) return;
  }
  CHECK(gradient_error<Dirty<Cpu>>(c) < 1e-7);
  CHECK(gradient_error<Dirty<ScalarCpu>>(c) < 1e-7);
}

template <class Case> void check_all() {
  for (const Case& c : Case::all()) check_case(c);
}

}  // namespace cases
