/// A residue attached to a model: one class for every composition of policies.
#pragma once

#include "neutra/adapter/adapter.hpp"
#include "neutra/body/any.hpp"
#include "neutra/body/gated_unit.hpp"
#include "neutra/gate/any.hpp"
#include "neutra/init/any.hpp"
#include "neutra/op/add.hpp"
#include "neutra/op/pointwise.hpp"
#include "neutra/op/scale_rows.hpp"
#include "neutra/op/sparse_rows.hpp"
#include "neutra/penalty/any.hpp"

#include <array>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// Where the residue is placed: beside the FFN (reads its input), after the FFN (reads its output), or beside attention
/// (reads its input).
enum class Placement { parallel, after, attention };

inline constexpr std::array<std::string_view, 3> placement_names = {"parallel", "after", "attention"};

/// g where |g| >= threshold, else 0
struct AtLeast {
  float threshold;
  template <class V> NEUTRA_HD V f(V g) const { return math::select(math::abs(g) < V(threshold), V(0), g); }
  template <class V> NEUTRA_HD V df(V g, V) const { return math::select(math::abs(g) < V(threshold), V(0), V(1)); }
};

/// The Instance of every Residue. Policies are called through their Any, a few calls per layer, so that this class and
/// its kernels are compiled once and not for each composition.
template <Scalar S, Backend D> class ResidueInstance {
 public:
  /// R: a Residue
  template <class R>
  ResidueInstance(const R& residue, const Sizes& sizes, std::uint64_t seed)
      : gate_(at_run_time<gate::Any<S, D>>(residue.gate)),
        body_(at_run_time<body::Any<S, D>>(residue.body)),
        penalty_(at_run_time<penalty::Any<S, D>>(residue.penalty)),
        placement_(residue.placement),
        skip_(residue.skip && !gate_.per_channel) {
    residue.check();
    const std::vector<Weight> weights = residue.weights(sizes.dim, residue.width_for(sizes));
    logit_weights_ = gate_.logit_weights(sizes.dim).size();
    gate_weights_ = logit_weights_ + gate_.weights(sizes.dim).size();
    penalty_weights_ = penalty_.weights(sizes.dim).size();
    first_.resize(static_cast<std::size_t>(sizes.layers), -1);
    for (const Index layer : residue.layers.in(sizes, residue.name)) {
      first_[static_cast<std::size_t>(layer)] = static_cast<Index>(parameters_.size());
      make(layer, weights, residue.init, sizes, seed);
    }
    leaves_.resize(weights.size());
  }

  std::vector<Parameter<S, D>*> parameters() {
    std::vector<Parameter<S, D>*> all;
    for (auto& parameter : parameters_) all.push_back(&parameter);
    return all;
  }

  bool acts_at(Site site) const { return site == (placement_ == Placement::attention ? Site::attention : Site::ffn); }

  /// The residue as further units of the FFN. Error: a gate, a body or a placement with which it is none; all of them.
  WeightChanges<S> weight_changes() {
    std::string why;
    if (!gate_.open) why += concat("; its gate, ", gate_.name, ", depends on the token, and must be open");
    if (placement_ != Placement::parallel)
      why += concat("; its placement must be parallel to the FFN, got ",
                    placement_names[static_cast<std::size_t>(placement_)]);
    if (body_.name != body::GatedUnit::name)
      why += concat("; its body must be ", body::GatedUnit::name, ", as an FFN is, got ", body_.name);
    require(why.empty(), "residue: only one that is a part of a wider FFN can be written as weights", why);
    WeightChanges<S> changes;
    for (std::size_t layer = 0; layer < first_.size(); ++layer) {
      if (first_[layer] < 0) continue;
      const auto weight = [&](std::size_t of_body) {  // in the order of GatedUnit::weights
        return host_copy(parameters_[static_cast<std::size_t>(first_[layer]) + gate_weights_ + of_body].value);
      };
      changes.units.push_back({static_cast<Index>(layer), weight(0), weight(1), weight(2)});
    }
    return changes;
  }

  Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
    const Index first = first_[static_cast<std::size_t>(layer)];
    if (!acts_at(site) || first < 0) return y;
    if (placement_ == Placement::after) x = y;
    for (std::size_t i = 0; i < leaves_.size(); ++i)
      leaves_[i] = pass.tape.leaf(parameters_[static_cast<std::size_t>(first) + i]);
    if (gate_.open) {
      const auto r = body_.forward(x, body_leaves());
      conclude(layer, {.r = r, .y = y, .domains = pass.domains}, pass);
      return neutra::add(y, r);
    }
    const auto s = logit(x, pass);
    const auto g = at_least(pass.attenuation.threshold, gate_.value(s, gate_leaves()));
    if (skip_ && closes(pass) && (D::counts_on_host || !pass.tape.recording()))
      return add_open(layer, x, y, s, g, pass);
    const auto r = scale_rows(body_.forward(x, body_leaves()), g);
    conclude(layer, {.r = r, .y = y, .g = g, .s = s, .domains = pass.domains}, pass);
    return neutra::add(y, r);
  }

 private:
  using Leaves = std::span<const Var<S, D>>;

  template <class Any, class P> static Any at_run_time(const P& policy) {
    static_assert(std::constructible_from<Any, const P&>,
                  "neutra: a policy chosen at run time serves models of the same scalar and device; write the model's "
                  "own into gate::Any<S, D>, body::Any<S, D> and penalty::Any<S, D>");
    return Any(policy);
  }

  void make(Index layer, const std::vector<Weight>& weights, const init::Any& init, const Sizes& sizes,
            std::uint64_t seed) {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const Weight& weight = weights[i];
      const Shape& shape = weight.shape;
      const std::string name = concat("adapter.", layer, ".", weight.name);
      if (weight.start.drawn()) {
        const double variance = init.variance({shape.cols(), shape.rows(), sizes.dim, sizes.layers, i < gate_weights_});
        parameters_.emplace_back(name, normal_tensor<S, D>(shape, variance, seed, name));
      } else {
        parameters_.emplace_back(name, constant_tensor<S, D>(shape, weight.start.value()));
      }
    }
  }

  // The weights of a layer, in the order of Residue::weights.
  Leaves gate_leaves() const { return Leaves(leaves_).subspan(logit_weights_, gate_weights_ - logit_weights_); }
  Leaves body_leaves() const {
    return Leaves(leaves_).subspan(gate_weights_, leaves_.size() - gate_weights_ - penalty_weights_);
  }
  Leaves penalty_leaves() const { return Leaves(leaves_).last(penalty_weights_); }

  /// (N,1) or (N,d). Computed from unrounded inputs, whatever the precision of the step: rounding would open other
  /// gates.
  Var<S, D> logit(Var<S, D> x, const Pass<S, D>& pass) const {
    const DType precision = pass.tape.precision();
    pass.tape.set_precision(dtype_of<S>);
    const auto s = gate_.logit(x, Leaves(leaves_).first(gate_weights_), pass.tokens);
    pass.tape.set_precision(precision);
    return s;
  }

  /// Whether gates can be exactly 0 in this pass.
  bool closes(const Pass<S, D>& pass) const {
    return gate_.exact_zero || (!gate_.open && pass.attenuation.threshold > 0);
  }
  static Var<S, D> at_least(double threshold, Var<S, D> g) {
    return threshold > 0 ? pointwise(g, AtLeast{static_cast<float>(threshold)}) : g;
  }

  /// Computes the residue of open tokens only. In training, a closed token whose gate has a slope counts as open.
  Var<S, D> add_open(Index layer, Var<S, D> x, Var<S, D> y, Var<S, D> s, Var<S, D> g, Pass<S, D>& pass) {
    RowSet open = open_rows(g, pass.tape.recording() ? gate_.slopes(s, g, gate_leaves()) : View<const S>{});
    if (open.all() && !pass.tape.recording())
      open = {};  // nothing to gather; a training step gathers anyway, so that every step uses the same memory
    const auto rows = [&](Var<S, D> of) { return open.index ? gather_rows(of, open) : of; };
    const auto body = body_.forward(rows(x), body_leaves());
    const auto r = scale_rows(body, rows(g));  // (M,d)
    conclude(layer, {.r = r, .y = y, .g = g, .s = s, .domains = pass.domains, .index = open.index}, pass);
    return open.index ? scatter_add(y, r, open) : neutra::add(y, r);
  }

  void conclude(Index layer, const penalty::Activations<S, D>& activations, Pass<S, D>& pass) {
    if (pass.probe)
      pass.probe->observe(layer, gate_.open ? nullptr : &activations.g, closes(pass), activations.r, activations.index,
                          activations.y);
    const bool counts = !penalty_.none && pass.tape.recording() && pass.local_losses;
    require(!counts || pass.domains.known, "residue: the penalty ", penalty_.name,
            " needs the domain of every sequence in training; give Tokens::domains, or use penalty::None");
    // also if no token is counted: after a step that saves less, the next one would have to allocate
    if (counts) pass.add_local(penalty_.loss(activations, penalty_leaves()));
  }

  gate::Any<S, D> gate_;
  body::Any<S, D> body_;
  penalty::Any<S, D> penalty_;
  Placement placement_;
  bool skip_;
  std::size_t logit_weights_ = 0, gate_weights_ = 0, penalty_weights_ = 0;  // of a layer; gate: those of the logit too
  std::deque<Parameter<S, D>> parameters_;                                  // layer by layer
  std::vector<Index> first_;       // by layer: the place in parameters_ of its first weight; -1: no residue
  std::vector<Var<S, D>> leaves_;  // of the current layer, on the tape; a member, so that a step allocates nothing
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
