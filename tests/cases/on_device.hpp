// The check of every op on a device whose memory the host cannot touch: values and gradients against the CPU's.
#pragma once

#include "tests/cases/check.hpp"

namespace cases {

/// A copy in the memory of D.
template <class D, class S> Tensor<S, D> on_device(const Tensor<S, Host>& numbers) {
  Tensor<S, D> there(numbers.shape());
  D::template upload<S>(std::span<const S>(numbers.data(), static_cast<std::size_t>(numbers.size())), there.data());
  return there;
}

/// A copy of contiguous rows in host memory, in double.
template <class D, class S> std::vector<double> from_device(View<const S> numbers) {
  std::vector<S> here(static_cast<std::size_t>(numbers.size()));
  D::template download<S>(numbers.data, here);
  return {here.begin(), here.end()};
}

/// sum = sum of w y
template <Scalar S> struct Projection {
  View<const S> y, w;
  S* to;
  template <class Row> NEUTRA_HD void operator()(Row row, Index) const {
    const S sum = row.sum(y.size(), [&](auto c) { return c.load(y.data) * c.load(w.data); });
    row.once([&] { *to = sum; });
  }
};

/// dy = up w
template <Scalar S> struct ProjectionSlope {
  View<const S> w;
  const S* up;
  Into<S> dy;
  template <class Row> NEUTRA_HD void operator()(Row row, Index) const {
    const Into<S> all{View<S>(dy.view.data, Shape{1, w.size()}), dy.add};
    row.each(w.size(), [&](auto c) { c.write(all, 0, c.load(w.data) * *up); });
  }
};

/// testing::weighted_sum by functors of the device.
template <Scalar S, Backend D> Var<S, D> projection(Var<S, D> y, const Tensor<S, D>& weights) {
  auto& tape = y.tape();
  const auto sum = tape.make({});
  const View<const S> w = weights.view();
  D::template rows<S>(1, w.size(), Projection<S>{y.value(), w, tape.out(sum).data});
  tape.record(sum, {y}, {}, [=](Tape<S, D>& t) {
    D::template rows<S>(1, w.size(), ProjectionSlope<S>{w, t.gradient(sum).data, t.into(y)});
  });
  return sum;
}

/// As evaluate(), for any device.
template <Scalar S, Backend D, class Case> Outcome evaluate_on(const Case& c) {
  std::vector<Tensor<S, D>> inputs;
  for (const auto& input : c.template inputs<S, Host>()) inputs.push_back(on_device<D>(input));
  std::vector<Parameter<S, D>> parameters;
  for (std::size_t i = 0; i < Case::trained; ++i) parameters.emplace_back("input", inputs[i].clone());
  Tape<S, D> tape;
  tape.start();
  std::vector<Var<S, D>> vars;
  for (auto& parameter : parameters) vars.push_back(tape.leaf(parameter));
  const auto y = run_case(c, tape, vars, inputs);
  Outcome outcome{from_device<D>(y.value()), {}};
  const auto weights = on_device<D>(numbers<S, Host>(y.shape(), "projection"));
  tape.backward(projection(y, weights));
  for (auto& parameter : parameters) outcome.gradients.push_back(from_device<D>(View<const S>(parameter.gradient)));
  return outcome;
}

/// Values and gradients of float and double on D are those of the CPU in double, up to the tolerance of the case.
/// again(f): calls f under another order of threads; the bits must stay the same.
template <Backend D, class Case, class Again> void check_on_device(const Again& again) {
  constexpr double fine = Case::tolerance * std::numeric_limits<double>::epsilon(),
                   coarse = Case::tolerance * std::numeric_limits<float>::epsilon();
  for (const Case& c : Case::all()) {
    INFO(Case::name << " " << c.label());
    const Outcome cpu = evaluate_on<double, Cpu>(c), exact = evaluate_on<double, D>(c),
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
