/// Gradient checks against central differences: one line checks an op, a gate or a whole adapter.
#pragma once

#include "neutra/autodiff/tape.hpp"
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/core/random.hpp"
#include "neutra/testing/on_device.hpp"

#include <cmath>
#include <functional>
#include <span>
#include <type_traits>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace testing {

namespace detail {
/// sum = sum of w y
template <Scalar S> struct WeightedSum {
  View<const S> y, w;
  S* sum;
  template <class Row> NEUTRA_HD void operator()(Row row, Index) const {
    const S total = row.sum(w.size(), [&](auto c) { return c.load(y.data) * c.load(w.data); });
    row.once([&] { *sum = total; });
  }
};
/// dy = up w
template <Scalar S> struct WeightedSumSlope {
  View<const S> w;
  const S* up;
  Into<S> dy;  // (1,N)
  template <class Row> NEUTRA_HD void operator()(Row row, Index) const {
    row.each(w.size(), [&](auto c) {
      const auto weight = c.load(w.data);
      c.write(dy, 0, weight * std::decay_t<decltype(weight)>(*up));
    });
  }
};
}  // namespace detail

/// sum of weights * y, which turns any result into a scalar whose gradient reaches every element.
/// weights, y: same size
template <Scalar S, Backend D> Var<S, D> weighted_sum(Var<S, D> y, const Tensor<S, D>& weights) {
  auto& tape = y.tape();
  const auto sum = tape.make({});
  const View<const S> w(weights.data(), Shape{1, weights.shape().size()});
  D::template rows<S>(1, w.size(), detail::WeightedSum<S>{y.value(), w, tape.out(sum).data});
  tape.record(sum, {y}, {}, [=](Tape<S, D>& t) {
    const auto dy = t.into(y);
    const Into<S> all{View<S>(dy.view.data, w.shape), dy.add};
    D::template rows<S>(1, w.size(), detail::WeightedSumSlope<S>{w, t.gradient(sum).data, all});
  });
  return sum;
}

/// Standard normal values times `scale`, determined by the name.
template <Scalar S, class D = Host>
Tensor<S, D> random_tensor(const Shape& shape, std::string_view name, double scale = 1.0) {
  Tensor<S, Host> drawn(shape);
  const Philox random(42, name);
  for (Index i = 0; i < shape.size(); ++i)
    drawn.data()[i] = static_cast<S>(scale * random.normal(0, static_cast<std::uint64_t>(i)));
  if constexpr (std::is_same_v<D, Host>)
    return drawn;
  else
    return on_device<S, D>(drawn);
}

/// The largest relative gradient error over the inputs: |analytic - numeric| / (|numeric| + 1e-6 of all inputs
/// together), with norms over the elements of an input, in double. f(tape, vars) returns a value of any shape from one
/// Var per input; every input is trainable. Keep inputs away from kinks by more than `step`. Each gradient is computed
/// twice, into empty and into filled memory, to test both overwriting and adding.
template <Backend D>
double gradient_error(std::vector<Tensor<double, D>>& inputs,
                      const std::function<Var<double, D>(Tape<double, D>&, std::vector<Var<double, D>>&)>& f,
                      double step = 1e-5) {
  std::vector<Parameter<double, D>> parameters;
  parameters.reserve(inputs.size());
  for (auto& input : inputs) parameters.emplace_back("input", input.clone());
  Tensor<double, D> weights;
  Tape<double, D> tape;
  const auto evaluate = [&](bool recording) {
    tape.start(recording);
    std::vector<Var<double, D>> vars;
    for (auto& parameter : parameters) vars.push_back(tape.leaf(parameter));
    const auto y = f(tape, vars);
    if (weights.empty()) weights = random_tensor<double, D>(y.shape(), "projection");
    return weighted_sum(y, weights);
  };
  for (int pass = 0; pass < 2; ++pass) tape.backward(evaluate(true));  // the second pass adds: twice the gradient
  std::vector<double> error(inputs.size()), size(inputs.size());
  double everything = 0;
  for (std::size_t at = 0; at < inputs.size(); ++at) {
    auto& parameter = parameters[at];
    if (!parameter.has_gradient && parameter.value.size() > 0) return std::numeric_limits<double>::infinity();
    const std::vector<double> x = from_device(parameter.value), gradient = from_device(parameter.gradient);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto at_point = [&](double moved) {
        D::template upload<double>(std::span<const double>(&moved, 1), parameter.value.data() + i);
        return evaluate(false).item();
      };
      const double above = at_point(x[i] + step), below = at_point(x[i] - step);
      D::template upload<double>(std::span<const double>(&x[i], 1), parameter.value.data() + i);
      const double numeric = (above - below) / (2 * step), analytic = gradient[i] / 2;
      error[at] += (numeric - analytic) * (numeric - analytic);
      size[at] += numeric * numeric;
    }
    everything += size[at];
  }
  double worst = 0;
  for (std::size_t at = 0; at < inputs.size(); ++at) {
    const double relative = std::sqrt(error[at]) / (std::sqrt(size[at]) + 1e-6 * std::sqrt(everything) + 1e-300);
    worst = std::isfinite(relative) ? std::max(worst, relative) : std::numeric_limits<double>::infinity();
  }
  return worst;
}

}}}  // namespace neutra::NEUTRA_ABI::testing
