/// Neutral residues: a gated body beside a block of the frozen model.      Signe Talla, Grave, Jegou 2025, arXiv
/// 2410.02744
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/adapter/layers.hpp"
#include "neutra/adapter/residue_instance.hpp"
#include "neutra/body/gated_unit.hpp"
#include "neutra/gate/relu.hpp"
#include "neutra/init/low_variance.hpp"
#include "neutra/penalty/l1.hpp"

#include <algorithm>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

inline Setting setting_of(Placement placement) {
  return std::string(placement_names[static_cast<std::size_t>(placement)]);
}
/// Error (SettingError): no placement of that name.
inline void read_setting(const std::string& key, const Setting& setting, Placement& placement) {
  const auto found = std::find(placement_names.begin(), placement_names.end(), text_of(setting));
  if (found == placement_names.end())
    throw SettingError(key, concat(" must be parallel, after or attention, got '", text_of(setting), "'"));
  placement = static_cast<Placement>(found - placement_names.begin());
}

/// y + g(x) A(x), g the gate of the logit w_b . x, A the body; local loss: the penalty on g(x) A(x).
/// Each policy defaults to the paper's choice and carries its options:
///     Residue<gate::JumpRelu>{.gate = {.threshold = 0.2f}}
/// A width of 0 means the width whose extra weights, those of all policies together, are `capacity` of the block
/// weights of the whole model; with fewer `layers`, each gets more. With a gate that has an exact zero, closed tokens
/// are skipped: forward where g == 0, in training where the slope is zero too. A device on which the host would wait
/// for the number of open tokens (Backend::counts_on_host) skips none in training. A policy may also be its family's
/// Any, chosen at run time.
template <class G = gate::Relu, class B = body::GatedUnit, class P = penalty::L1, class I = init::LowVariance>
struct Residue {
  static_assert(check_gate<G>());
  static_assert(check_body<B>());
  static_assert(check_penalty<P>());
  static_assert(check_init<I>());
  static constexpr std::string_view name = "residue";

  G gate{};
  B body{};
  P penalty{};
  I init{};
  Placement placement = Placement::parallel;
  Layers layers{};
  double capacity = 0.2;
  Index width = 0;
  bool skip = true;  // false computes every token, for comparison

  template <class Self, class Visit> static void settings(Self& self, const Visit& visit) {
    visit("gate", self.gate);
    visit("body", self.body);
    visit("penalty", self.penalty);
    visit("init", self.init);
    visit("placement", self.placement);
    visit("layers", self.layers);
    visit("capacity", self.capacity);
    visit("width", self.width);
  }

  template <Scalar S, Backend D> using Instance = ResidueInstance<S, D>;

  gate::Traits gate_traits() const { return gate::traits(gate); }
  penalty::Traits penalty_traits() const { return penalty::traits(penalty); }

  /// Weights of one layer at width r, in the order of their parameters: the gate's, the body's, the penalty's.
  std::vector<Weight> weights(Index d, Index r) const {
    const gate::Traits g = gate_traits();
    std::vector<Weight> all = g.logit_weights(d);
    for (std::vector<Weight> more :
         {g.weights(d), std::vector<Weight>(body.weights(d, r)), penalty_traits().weights(d)})
      all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  /// Weights of a layer per unit of width. Error: a body whose weights do not grow linearly with the width.
  Index unit_weights(const Sizes& sizes) const {
    const Index one = count(weights(sizes.dim, 1)), two = count(weights(sizes.dim, 2));
    require(two > one && count(weights(sizes.dim, 3)) == 2 * two - one, "residue: the weights of body ", body.name,
            " must be fixed or grow linearly with the width r");
    return two - one;
  }
  /// Weights of a layer that do not depend on its width.
  Index fixed_weights(const Sizes& sizes) const { return count(weights(sizes.dim, 1)) - unit_weights(sizes); }

  Index width_for(const Sizes& sizes) const {
    require(width >= 0, "residue: the width must be positive (or 0, to follow from the capacity), got ", width);
    if (width > 0) return width;
    return units_for(capacity, fixed_weights(sizes), unit_weights(sizes), sizes.block_weights(), layers_in(sizes),
                     name);
  }
  /// How many residues there are. Error: a layer that the model lacks.
  Index layers_in(const Sizes& sizes) const { return static_cast<Index>(layers.in(sizes, name).size()); }
  std::optional<penalty::Counts> local_loss() const {
    const penalty::Traits traits = penalty_traits();
    return traits.none ? std::nullopt : std::optional(traits.counts);
  }
  /// Error: the penalty reads the gate, but there is none.
  void check() const {
    const penalty::Traits penalty_has = penalty_traits();
    require(!(gate_traits().open && penalty_has.reads_gate), "residue: the penalty ", penalty_has.name,
            " reads the gate, but the gate is open; choose a gate or another penalty");
  }
  Description describe(const Sizes& sizes) const {
    check();
    Residue sized = *this;
    sized.width = width_for(sizes);
    if (layers.part != Layers::Part::all) sized.layers = {Layers::Part::listed, layers.in(sizes, name)};
    return {.kind = std::string(name),
            .settings = settings_of(sized),
            .weights = layers_in(sizes) * count(weights(sizes.dim, sized.width))};
  }
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
