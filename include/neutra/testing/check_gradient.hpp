/// Gradient checks against central differences: one line checks an op, a gate or a whole adapter.
#pragma once

#include "neutra/autodiff/tape.hpp"
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/core/random.hpp"

#include <cmath>
#include <functional>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace testing {

/// sum of weights * y, which turns any result into a scalar whose gradient reaches every element.
/// weights, y: same size
template <Scalar S, Backend D> Var<S, D> weighted_sum(Var<S, D> y, const Tensor<S, D>& weights) {
  auto& tape = y.tape();
  const auto sum = tape.make({});
  S total = 0;
  for (Index i = 0; i < y.shape().size(); ++i) total += y.value().data[i] * weights.data()[i];
  *tape.out(sum).data = total;
  const S* w = weights.data();
  tape.record(sum, {y}, {}, [=](Tape<S, D>& t) {
    const auto dy = t.into(y);
    const S up = *t.gradient(sum).data;
    for (Index i = 0; i < y.shape().size(); ++i) dy.view.data[i] = up * w[i] + (dy.add ? dy.view.data[i] : S(0));
  });
  return sum;
}

/// Standard normal values times `scale`, determined by the name.
template <Scalar S, class D = Host>
Tensor<S, D> random_tensor(const Shape& shape, std::string_view name, double scale = 1.0) {
  Tensor<S, D> tensor(shape);
  const Philox random(42, name);
  for (Index i = 0; i < shape.size(); ++i)
    tensor.data()[i] = static_cast<S>(scale * random.normal(0, static_cast<std::uint64_t>(i)));
  return tensor;
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
    for (Index i = 0; i < parameter.value.size(); ++i) {
      double& x = parameter.value.data()[i];
      const double x0 = x;
      x = x0 + step;
      const double above = evaluate(false).item();
      x = x0 - step;
      const double below = evaluate(false).item();
      x = x0;
      const double numeric = (above - below) / (2 * step), analytic = parameter.gradient.data()[i] / 2;
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
