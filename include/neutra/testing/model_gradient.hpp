/// The gradient check of a whole model, with an adapter or thawed weights.
#pragma once

#include "neutra/testing/tiny_model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace testing {

/// How numeric slopes are measured. Across a kink of |r| or of a gate, a difference is wrong at one step size and right
/// at a smaller one, while a wrong gradient is wrong at both. Without kinks, points that are far apart leave less
/// rounding error, which small gradients behind a softmax need.
enum class Slopes { kinked, smooth };

namespace detail {

struct Slope {
  double numeric, error;  // error: |numeric - analytic|
};

/// The slope of f at x by central differences of fourth order. The error is that of a smaller step if that is closer
/// to `analytic`.
template <class F> Slope slope_of(const F& f, double x, double analytic, Slopes slopes) {
  const auto central = [&](double step) {
    const double above = f(x + step);
    return (above - f(x - step)) / (2 * step);
  };
  const double apart = slopes == Slopes::smooth ? 1e-3 : 1e-4;
  const double numeric = (4 * central(apart) - central(2 * apart)) / 3;
  double error = std::abs(numeric - analytic);
  for (const double step : {5e-6, 5e-7})
    if (error > 1e-9 && slopes == Slopes::kinked) error = std::min(error, std::abs(central(step) - analytic));
  return {numeric, error};
}

}  // namespace detail

/// The error of the gradients of lm + local loss: the largest over the trained parameters of
///     ||analytic - numeric|| / (||numeric|| + 1e-2 ||numeric of all parameters||)
/// infinity if there is nothing to compare or a number is not finite. A correct model is below 1e-7. It takes 5 or more
/// passes per element, so use a small model: tiny_backbone<double>(). Parameters that are exactly zero hide the
/// gradients of others; see fill_zero_parameters.
///     nn::Transformer<Mine, double> model(testing::tiny_backbone<double>(), Mine{});
///     testing::fill_zero_parameters(model.parameters());
///     CHECK(testing::model_gradient_error(model, testing::TinyBatch()) < 1e-7);
template <class A, Backend D>
double model_gradient_error(nn::Transformer<A, double, D>& model, const nn::Tokens& tokens,
                            const nn::StepCounts& counts, Slopes slopes = Slopes::kinked) {
  Tape<double, D> tape;
  const auto loss = [&] {
    tape.start();
    return model.loss(tape, tokens, counts).total(1.0);
  };
  for (auto* parameter : model.parameters()) parameter->has_gradient = false;
  tape.backward(loss());
  std::vector<std::pair<double, double>> norms;  // of the error and of the numeric gradient of each parameter
  double everything = 0;
  for (auto* parameter : model.parameters()) {
    if (!parameter->trained) continue;
    double errors = 0, squares = 0;
    const auto start = from_device(parameter->value), gradient = from_device(parameter->gradient);
    for (std::size_t i = 0; i < start.size(); ++i) {
      const auto put = [&](double x) {
        D::template upload<double>(std::span<const double>(&x, 1), parameter->value.data() + i);
      };
      const auto moved = [&](double x) {
        put(x);
        return loss().item();
      };
      const auto [numeric, error] = detail::slope_of(moved, start[i], gradient[i], slopes);
      put(start[i]);
      errors += error * error;
      squares += numeric * numeric;
    }
    norms.emplace_back(std::sqrt(errors), std::sqrt(squares));
    everything += squares;
  }
  double worst = everything > 0 ? 0 : std::numeric_limits<double>::infinity();
  for (const auto& [error, size] : norms)
    worst = std::isfinite(error) ? std::max(worst, error / (size + 1e-2 * std::sqrt(everything)))
                                 : std::numeric_limits<double>::infinity();
  return worst;
}
template <class A, Backend D>
double model_gradient_error(nn::Transformer<A, double, D>& model, const TinyBatch& batch,
                            Slopes slopes = Slopes::kinked) {
  return model_gradient_error(model, batch.tokens(), batch.counts(), slopes);
}

}}}  // namespace neutra::NEUTRA_ABI::testing
