/// Neutral residues: a gated body beside a block of the frozen model.      Signe Talla, Grave, Jegou 2025, arXiv
/// 2410.02744
#pragma once

#include "neutra/adapter/adapter.hpp"
#include "neutra/body/family.hpp"
#include "neutra/body/gated_unit.hpp"
#include "neutra/gate/any.hpp"
#include "neutra/gate/family.hpp"
#include "neutra/gate/relu.hpp"
#include "neutra/init/family.hpp"
#include "neutra/init/low_variance.hpp"
#include "neutra/op/add.hpp"
#include "neutra/op/gated.hpp"
#include "neutra/op/linear.hpp"
#include "neutra/op/scale_rows.hpp"
#include "neutra/op/sparse_rows.hpp"
#include "neutra/penalty/family.hpp"
#include "neutra/penalty/l1.hpp"

#include <array>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// Where the residue stands: beside the FFN (reads what the FFN reads), after it (reads what the FFN wrote), or beside
/// attention.
enum class Placement { parallel, after, attention };

inline constexpr std::array<std::string_view, 3> placement_names = {"parallel", "after", "attention"};

namespace detail {
/// gate::Any and penalty::Any answer through friends of their own instead of a name and functions.
template <class G>
concept GateAtRunTime = requires(const G& g) {
  { traits(g) } -> std::same_as<gate::Traits>;
};
template <class P>
concept PenaltyAtRunTime = requires(const P& p) {
  { traits(p) } -> std::same_as<penalty::Traits>;
};

template <class G> consteval bool check_gate_or_any() {
  if constexpr (GateAtRunTime<G>)
    return true;
  else
    return check_gate<G>();
}
template <class P> consteval bool check_penalty_or_any() {
  if constexpr (PenaltyAtRunTime<P>)
    return true;
  else
    return check_penalty<P>();
}
}  // namespace detail

/// y + g(x) A(x), g the gate of the logit w_b . x, A the body; local loss: the penalty on g(x) A(x).
/// Each policy defaults to the paper's choice and carries its options:   Residue<gate::JumpRelu>{.gate = {.threshold =
/// 0.2f}} A width of 0 is chosen so that the extra weights, gate included, are `capacity` of the block weights. With a
/// gate that has an exact zero, closed tokens are skipped: forward where g == 0, in training where the slope is zero
/// too.
template <class G = gate::Relu, class B = body::GatedUnit, class P = penalty::L1, class I = init::LowVariance>
struct Residue {
  static_assert(detail::check_gate_or_any<G>());
  static_assert(check_body<B>());
  static_assert(detail::check_penalty_or_any<P>());
  static_assert(check_init<I>());

  G gate{};
  B body{};
  P penalty{};
  I init{};
  Placement placement = Placement::parallel;
  double capacity = 0.2;
  Index width = 0;
  bool skip = true;  // false computes every token, for comparison

  /// Weights of the gate of one layer.
  Index gate_weights(const Sizes& sizes) const {
    const gate::Traits t = gate_traits();
    if (t.open) return 0;
    const Index outputs = t.per_channel ? sizes.dim : 1;
    return t.hidden > 0 ? t.hidden * (sizes.dim + outputs) : outputs * sizes.dim;
  }
  Index body_weights(const Sizes& sizes, Index r) const {
    Index weights = 0;
    for (const body::Weight& weight : body.weights(sizes.dim, r)) weights += weight.shape.size();
    return weights;
  }
  Index width_for(const Sizes& sizes) const {
    require(width >= 0, "residue: the width must be positive (or 0, to follow from the capacity), got ", width);
    return width > 0 ? width : units_for(capacity, gate_weights(sizes), body_weights(sizes, 1), sizes, "residue");
  }
  /// What the residue asks of its gate and penalty. A user's policies live in a namespace of their own: the library's
  /// functions are named, those of Any found beside it.
  gate::Traits gate_traits() const {
    using gate::traits;
    return traits(gate);
  }
  penalty::Traits penalty_traits() const {
    using penalty::traits;
    return traits(penalty);
  }
  Description describe(const Sizes& sizes) const {
    const Index r = width_for(sizes);
    return {.method = "residue",
            .gate = std::string(gate_traits().name),
            .body = std::string(body.name),
            .penalty = std::string(penalty_traits().name),
            .init = std::string(init.name),
            .placement = std::string(placement_names[static_cast<std::size_t>(placement)]),
            .width = r,
            .weights = sizes.layers * (gate_weights(sizes) + body_weights(sizes, r)),
            .gate_options = gate_traits().options};
  }

  template <Scalar S, Backend D> class Instance;
};

template <class G, class B, class P, class I> template <Scalar S, Backend D> class Residue<G, B, P, I>::Instance {
  static_assert(
      requires(const B& b, Var<S, D> x, std::span<const Var<S, D>> w) {
        { b.forward(x, w) } -> std::same_as<Var<S, D>>;
      },
      "neutra: this Body has no forward; add  template <Scalar S, Backend D> Var<S, D> forward(Var<S, D> x, "
      "std::span<const Var<S, D>> w) const;");

 public:
  Instance(const Residue& residue, const Sizes& sizes, std::uint64_t seed)
      : residue_(residue), gate_(residue.gate_traits()), penalty_(residue.penalty_traits()) {
    require(!(gate_.open && penalty_.reads_gate), "residue: the penalty ", penalty_.name,
            " reads the gate, but the gate is open; choose a gate or another penalty");
    const Index r = residue.width_for(sizes), outputs = gate_.per_channel ? sizes.dim : 1;
    for (Index layer = 0; layer < sizes.layers; ++layer) {
      const auto make = [&](std::string_view name, const Shape& shape, bool zero) {
        const std::string full = concat("adapter.", layer, ".", name);
        const double variance =
            zero ? 0 : residue.init.variance(init::Matrix{shape.cols(), shape.rows(), sizes.dim, sizes.layers});
        parameters_.emplace_back(full, normal_tensor<S, D>(shape, variance, seed, full));
      };
      if (!gate_.open && gate_.hidden > 0) make("gate_hidden", {gate_.hidden, sizes.dim}, false);
      if (!gate_.open) make("gate", {outputs, gate_.hidden > 0 ? gate_.hidden : sizes.dim}, false);
      for (const body::Weight& weight : residue.body.weights(sizes.dim, r))
        make(weight.name, weight.shape, weight.zero);
    }
    leaves_.resize(parameters_.size() / static_cast<std::size_t>(sizes.layers));
  }

  std::vector<Parameter<S, D>*> parameters() {
    std::vector<Parameter<S, D>*> all;
    for (auto& parameter : parameters_) all.push_back(&parameter);
    return all;
  }

  bool acts_at(Site site) const {
    return site == (residue_.placement == Placement::attention ? Site::attention : Site::ffn);
  }

  Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
    if (!acts_at(site)) return y;
    if (residue_.placement == Placement::after) x = y;
    for (std::size_t i = 0; i < leaves_.size(); ++i)
      leaves_[i] = pass.tape.leaf(parameters_[static_cast<std::size_t>(layer) * leaves_.size() + i]);
    const std::span<const Var<S, D>> all = leaves_;
    if (gate_.open) {
      const auto r = residue_.body.forward(x, all);
      conclude(layer, {.r = r, .y = y, .counted = counted(pass, {}), .scale = scale(pass)}, {}, pass);
      return neutra::add(y, r);
    }
    const auto s = logit(x, all);
    using gate::apply;
    const auto g = apply(residue_.gate, s);
    const auto weights = all.subspan(gate_.hidden > 0 ? 2 : 1);
    if constexpr (gate::may_skip<G>)
      if (gate_.exact_zero && !gate_.per_channel && residue_.skip) return add_open(layer, x, y, s, g, weights, pass);
    const auto r = scale_rows(residue_.body.forward(x, weights), g);
    conclude(layer, {.r = r, .y = y, .g = g, .s = s, .counted = counted(pass, {}), .scale = scale(pass)}, {}, pass);
    return neutra::add(y, r);
  }

 private:
  /// (N,1) or (N,d); never of bf16, which would open other gates.
  Var<S, D> logit(Var<S, D> x, std::span<const Var<S, D>> w) const {
    const typename Tape<S, D>::Products exact(x.tape(), false);
    return gate_.hidden > 0 ? linear(pointwise(linear(x, w[0]), op::Silu{}), w[1]) : linear(x, w[0]);
  }

  /// The residue of the open tokens alone. In training a closed token whose gate has a slope still counts as open.
  Var<S, D> add_open(Index layer, Var<S, D> x, Var<S, D> y, Var<S, D> s, Var<S, D> g,
                     std::span<const Var<S, D>> weights, Pass<S, D>& pass) {
    using gate::slopes;
    RowSet open = open_rows(g, pass.tape.recording() ? slopes(residue_.gate, s, g) : View<const S>{});
    if (open.all() && !pass.tape.recording())
      open = {};  // nothing to gather; a training step gathers all the same, so that every step finds its memory
    const auto rows = [&](Var<S, D> of) { return open.index ? gather_rows(of, open) : of; };
    const auto r = scale_rows(residue_.body.forward(rows(x), weights), rows(g));  // (M,d)
    conclude(layer, {.r = r, .y = y, .g = g, .s = s, .counted = counted(pass, open), .scale = scale(pass)}, open, pass);
    return open.index ? scatter_add(y, r, open) : neutra::add(y, r);
  }

  void conclude(Index layer, const penalty::Evidence<S, D>& evidence, const RowSet& open, Pass<S, D>& pass) {
    if (pass.probe)
      pass.probe->see(layer, gate_.exact_zero ? &evidence.g : nullptr, evidence.r, open.index, evidence.y);
    using penalty::apply;
    require(penalty_.none || !pass.tape.recording() || pass.label, "residue: the penalty ", penalty_.name,
            " needs the domain of every sequence in training; give Tokens::domains, or use penalty::None");
    // also where no token is counted: a step that kept less would leave the next one to ask for memory
    if (!penalty_.none && pass.tape.recording()) pass.add_local(apply(residue_.penalty, evidence));
  }
  Counted<S> counted(const Pass<S, D>& pass, const RowSet& open) const {
    return {penalty_.counts == penalty::Counts::original ? pass.original : nullptr, pass.label, open.index};
  }
  S scale(const Pass<S, D>& pass) const {
    return penalty_.counts == penalty::Counts::original ? pass.scale_original : pass.scale_both;
  }

  Residue residue_;
  gate::Traits gate_;
  penalty::Traits penalty_;
  std::deque<Parameter<S, D>> parameters_;  // layer by layer
  std::vector<Var<S, D>> leaves_;  // those of the layer at work, on the tape; kept, so that a step asks for no memory
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
