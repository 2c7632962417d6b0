/// AdamW.      Kingma & Ba 2014, arXiv 1412.6980; Loshchilov & Hutter 2017, arXiv 1711.05101
#pragma once

#include "neutra/core/math.hpp"
#include "neutra/optim/clipping.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace optim {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;  // beta2: usual for language models (Brown et al. 2020)
  double weight_decay = 0.1;                         // of matrices; vectors (norms, biases) are not decayed
  double clip = 1.0;                                 // upper limit of the gradient norm; 0: no clipping

  void check() const {
    require(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, "adamw: betas must lie in [0, 1), got ", beta1, " and ",
            beta2);
    require(epsilon > 0 && std::isfinite(epsilon), "adamw: epsilon must be positive, got ", epsilon);
    require(weight_decay >= 0 && std::isfinite(weight_decay), "adamw: weight decay must not be negative, got ",
            weight_decay);
    require(clip >= 0 && std::isfinite(clip), "adamw: the clipping norm must not be negative (0: no clipping), got ",
            clip);
  }
};

/// One AdamW update of a block of a parameter:
///     m = b1 m + (1 - b1) k g
///     v = b2 v + (1 - b2) (k g)^2
///     w = w - rate decay w - rate (m / c1) / (sqrt(v / c2) + eps)
/// k: the clipping factor; c1 = 1 - b1^t and c2 = 1 - b2^t: the bias corrections.
template <Scalar S> struct AdamWUpdate {
  static constexpr Index block = 4096;
  S *value, *mean, *variance;
  const S* gradient;
  Index size;
  S beta1, beta2, epsilon, clip, shrink, rate, correction2;

  template <class Row> NEUTRA_HD void operator()(Row row, Index b) const {
    const Index first = b * block, count = size - first < block ? size - first : block;
    row.each(count, [&](auto c) {
      const auto g = c.load(gradient + first) * clip;
      const auto m = c.load(mean + first) * beta1 + g * (S(1) - beta1);
      const auto v = c.load(variance + first) * beta2 + g * g * (S(1) - beta2);
      c.store(mean + first, m);
      c.store(variance + first, v);
      c.store(value + first, c.load(value + first) * shrink - m * rate / (math::sqrt(v) / correction2 + epsilon));
    });
  }
};

template <Scalar S, Backend D> class AdamW {
 public:
  AdamW(std::vector<Parameter<S, D>*> parameters, const AdamWOptions& options)
      : parameters_(std::move(parameters)), options_(options), norm_(parameters_) {
    options.check();
    require(!parameters_.empty(), "adamw: there is nothing to train; thaw the model or give it an adapter");
    for (const auto* parameter : parameters_) alive_.push_back(parameter->life.token());
  }

  /// Steps done. Together with the moments in the parameters, this is the whole optimizer state.
  Index steps = 0;

  const std::vector<Parameter<S, D>*>& parameters() const { return parameters_; }

  /// The norm of the current gradients, before clipping.
  double gradient_norm() {
    require_alive();
    return norm_(parameters_);
  }

  /// One update with the current gradients, whose norm is given; discards them. Error, with nothing changed: a norm
  /// that is not finite; a parameter without a gradient from this step.
  void step(double rate, double norm) {
    require(rate >= 0 && std::isfinite(rate), "adamw: the learning rate must not be negative, got ", rate);
    require(std::isfinite(norm), "adamw: the gradient is not finite at step ", steps, "; lower the learning rate");
    require_alive();
    require_gradients<S, D>(parameters_);
    ++steps;
    const double k = options_.clip > 0 && norm > options_.clip ? options_.clip / norm : 1.0;
    const double c1 = 1 - std::pow(options_.beta1, static_cast<double>(steps)),
                 c2 = 1 - std::pow(options_.beta2, static_cast<double>(steps));
    for (auto* p : parameters_) {
      const double decay = p->value.shape().rank() >= 2 ? options_.weight_decay : 0;
      const AdamWUpdate<S> update{p->value.data(),     p->mean.data(),      p->variance.data(),
                                  p->gradient.data(),  p->value.size(),     S(options_.beta1),
                                  S(options_.beta2),   S(options_.epsilon), S(k),
                                  S(1 - rate * decay), S(rate / c1),        S(std::sqrt(c2))};
      D::template rows<S>((p->value.size() + update.block - 1) / update.block, 4 * update.block, update);
      p->has_gradient = false;
    }
  }

 private:
  void require_alive() const {
    require(std::all_of(alive_.begin(), alive_.end(), [](const auto& alive) { return *alive; }),
            "adamw: parameters were destroyed or moved; keep the model where it is while its optimizer is in use");
  }
  std::vector<Parameter<S, D>*> parameters_;
  std::vector<Life::Token> alive_;  // one per parameter
  AdamWOptions options_;
  GradientNorm<S, D> norm_;
};

}}}  // namespace neutra::NEUTRA_ABI::optim

#if defined(NEUTRA_COMPILED)
#include "neutra/optim/instances.hpp"  // IWYU pragma: keep
#endif
