// The check of every op on a device whose memory the host cannot touch: values and gradients against a reference's.
#pragma once

#include "tests/cases/check.hpp"

namespace cases {

using testing::from_device;
using testing::on_device;

/// As evaluate(), for any device.
template <Scalar S, Backend D, class Case> Outcome evaluate_on(const Case& c) {
  std::vector<Tensor<S, D>> inputs;
  for (const auto& input : c.template inputs<S, Host>()) inputs.push_back(on_device<S, D>(input));
  std::vector<Parameter<S, D>> parameters;
  for (std::size_t i = 0; i < Case::trained; ++i) parameters.emplace_back("input", inputs[i].clone());
  Tape<S, D> tape;
  tape.start();
  std::vector<Var<S, D>> vars;
  for (auto& parameter : parameters) vars.push_back(tape.leaf(parameter));
  const auto y = run_case(c, tape, vars, inputs);
  const auto in_double = [](const std::vector<S>& numbers) {
    return std::vector<double>(numbers.begin(), numbers.end());
  };
  Outcome outcome{in_double(from_device<D>(y.value())), {}};
  const auto weights = on_device<S, D>(numbers<S, Host>(y.shape(), "projection"));
  tape.backward(testing::weighted_sum(y, weights));
  for (auto& parameter : parameters) outcome.gradients.push_back(in_double(from_device(parameter.gradient)));
  return outcome;
}

/// Values and gradients of float and double on D are those of the reference in double, up to the tolerance of the case.
/// again(f): calls f under another order of threads; the bits must stay the same.
template <Backend D, Backend Reference, class Case, class Again> void check_on_device(const Again& again) {
  constexpr double fine = Case::tolerance * std::numeric_limits<double>::epsilon(),
                   coarse = Case::tolerance * std::numeric_limits<float>::epsilon();
  for (const Case& c : Case::all()) {
    INFO(Case::name << " " << c.label());
    const Outcome cpu = evaluate_on<double, Reference>(c), exact = evaluate_on<double, D>(c),
                  rounded = evaluate_on<float, D>(c);
    check_equal(exact, cpu, fine);
    check_equal(rounded, cpu, coarse);
    again([&] {
      CHECK(evaluate_on<double, D>(c) == exact);
      CHECK(evaluate_on<float, D>(c) == rounded);
    });
  }
}

}  // namespace cases
