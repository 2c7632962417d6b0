/// AdamW.      Kingma & Ba 2014, arXiv 1412.6980; Loshchilov & Hutter 2017, arXiv 1711.05101
#pragma once

#include "neutra/core/math.hpp"
#include "neutra/optim/clipping.hpp"
#include "neutra/optim/groups.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace optim {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;  // beta2: usual for language models (Brown et al. 2020)
  double weight_decay = 0.1;                         // of matrices; vectors (norms, biases) are not decayed
  double clip = 1.0;                                 // upper limit of the gradient norm; 0: no clipping
  /// Other options for some parameters. Of several groups that contain a parameter, the first that sets an option
  /// decides it.
  std::vector<ParameterGroup> groups{};

  void check() const {
    require(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, "adamw: betas must lie in [0, 1), got ", beta1, " and ",
            beta2);
    require(epsilon > 0 && std::isfinite(epsilon), "adamw: epsilon must be positive, got ", epsilon);
    require(weight_decay >= 0 && std::isfinite(weight_decay), "adamw: weight decay must not be negative, got ",
            weight_decay);
    require(clip >= 0 && std::isfinite(clip), "adamw: the clipping norm must not be negative (0: no clipping), got ",
            clip);
    for (const ParameterGroup& group : groups) group.check();
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
  /// Parameters of a frozen group become constants (Parameter::trained is false from now on); those and other constants
  /// are left out. Error: an option out of range; a group that contains no parameter; nothing to train.
  AdamW(std::vector<Parameter<S, D>*> parameters, const AdamWOptions& options);

  /// Steps done. Together with the moments in the parameters, this is the whole optimizer state.
  Index steps = 0;

  /// Those that are trained.
  const std::vector<Parameter<S, D>*>& parameters() const { return parameters_; }

  /// The norm of the current gradients, before clipping.
  double gradient_norm() {
    require_alive();
    return norm_(parameters_);
  }

  /// One update with the current gradients, whose norm is given; discards them. Held parameters stay as they are.
  /// Error, with nothing changed: a norm that is not finite; another parameter without a gradient from this step.
  void step(double rate, double norm);

 private:
  /// What groups set for a parameter.
  struct Own {
    double rate_factor, weight_decay;
  };

  static std::vector<Parameter<S, D>*> trained_of(std::vector<Parameter<S, D>*> all, const AdamWOptions& options);
  void require_alive() const {
    require(std::all_of(alive_.begin(), alive_.end(), [](const auto& alive) { return *alive; }),
            "adamw: parameters were destroyed or moved; keep the model where it is while its optimizer is in use");
  }
  AdamWOptions options_;
  std::vector<Parameter<S, D>*> parameters_;
  std::vector<Life::Token> alive_;  // one per parameter, like own_
  std::vector<Own> own_;
  GradientNorm<S, D> norm_;
  std::vector<RowsOf<AdamWUpdate<S>>> updates_;  // of one step
};

template <Scalar S, Backend D>
AdamW<S, D>::AdamW(std::vector<Parameter<S, D>*> parameters, const AdamWOptions& options)
    : options_(options), parameters_(trained_of(std::move(parameters), options)), norm_(parameters_) {
  for (const auto* p : parameters_) {
    alive_.push_back(p->life.token());
    const auto own = [&](auto option) { return option_of(options.groups, option, p->name, p->value.shape()); };
    own_.push_back(
        {own(&ParameterGroup::rate_factor).value_or(1),
         own(&ParameterGroup::weight_decay).value_or(p->value.shape().rank() >= 2 ? options.weight_decay : 0)});
  }
}

template <Scalar S, Backend D> void AdamW<S, D>::step(double rate, double norm) {
  require(rate >= 0 && std::isfinite(rate), "adamw: the learning rate must not be negative, got ", rate);
  require(std::isfinite(norm), "adamw: the gradient is not finite at step ", steps, "; lower the learning rate");
  require_alive();
  require_gradients<S, D>(parameters_);
  ++steps;
  const double k = options_.clip > 0 && norm > options_.clip ? options_.clip / norm : 1.0;
  const double c1 = 1 - std::pow(options_.beta1, static_cast<double>(steps)),
               c2 = 1 - std::pow(options_.beta2, static_cast<double>(steps));
  updates_.clear();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto* p = parameters_[i];
    if (p->held) continue;
    const double own_rate = rate * own_[i].rate_factor, decay = own_[i].weight_decay;
    const AdamWUpdate<S> update{p->value.data(),         p->mean.data(),      p->variance.data(),
                                p->gradient.data(),      p->value.size(),     S(options_.beta1),
                                S(options_.beta2),       S(options_.epsilon), S(k),
                                S(1 - own_rate * decay), S(own_rate / c1),    S(std::sqrt(c2))};
    updates_.push_back({(p->value.size() + update.block - 1) / update.block, update});
    p->has_gradient = false;
  }
  D::template rows_of_each<S>(updates_, 4 * AdamWUpdate<S>::block);
}

template <Scalar S, Backend D>
std::vector<Parameter<S, D>*> AdamW<S, D>::trained_of(std::vector<Parameter<S, D>*> all, const AdamWOptions& options) {
  options.check();
  require(!all.empty(), "adamw: there is nothing to train; thaw the model or give it an adapter");
  for (const ParameterGroup& group : options.groups)
    require(
        std::any_of(all.begin(), all.end(), [&](const auto* p) { return group.contains(p->name, p->value.shape()); }),
        "adamw: the parameter group '", group.name, "' must contain a parameter, but does not; the first of the ",
        all.size(), " is ", all.front()->name);
  const auto frozen = [&](const auto* p) {
    return !p->trained || option_of(options.groups, &ParameterGroup::frozen, p->name, p->value.shape()).value_or(false);
  };
  require(!std::all_of(all.begin(), all.end(), frozen), "adamw: there is nothing to train; all of the ", all.size(),
          " parameters are frozen");
  for (auto* p : all) p->trained = !frozen(p);
  std::erase_if(all, [](const auto* p) { return !p->trained; });
  return all;
}

}}}  // namespace neutra::NEUTRA_ABI::optim

#if defined(NEUTRA_COMPILED)
#include "neutra/optim/instances.hpp"  // IWYU pragma: keep
#endif
