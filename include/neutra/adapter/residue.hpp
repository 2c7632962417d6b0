/// Neutral residues: a gated body beside a block of the frozen model.      Signe Talla, Grave, Jegou 2025, arXiv
/// 2410.02744
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/adapter/residue_instance.hpp"
#include "neutra/body/gated_unit.hpp"
#include "neutra/gate/relu.hpp"
#include "neutra/init/low_variance.hpp"
#include "neutra/penalty/l1.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// y + g(x) A(x), g the gate of the logit w_b . x, A the body; local loss: the penalty on g(x) A(x).
/// Each policy defaults to the paper's choice and carries its options:
///     Residue<gate::JumpRelu>{.gate = {.threshold = 0.2f}}
/// A width of 0 is chosen so that the extra weights, those of all policies, are `capacity` of the block weights. With a
/// gate that has an exact zero, closed tokens are skipped: forward where g == 0, in training where the slope is zero
/// too. A policy may also be its family's Any, chosen at run time.
template <class G = gate::Relu, class B = body::GatedUnit, class P = penalty::L1, class I = init::LowVariance>
struct Residue {
  static_assert(check_gate<G>());
  static_assert(check_body<B>());
  static_assert(check_penalty<P>());
  static_assert(check_init<I>());

  G gate{};
  B body{};
  P penalty{};
  I init{};
  Placement placement = Placement::parallel;
  double capacity = 0.2;
  Index width = 0;
  bool skip = true;  // false computes every token, for comparison

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
  /// Weights that a layer has whatever its width, and those of each unit of width.
  /// Error: a body whose weights do not grow linearly with the width.
  Index unit_weights(const Sizes& sizes) const {
    const Index one = count(weights(sizes.dim, 1)), two = count(weights(sizes.dim, 2));
    require(two > one && count(weights(sizes.dim, 3)) == 2 * two - one, "residue: the weights of body ", body.name,
            " must be fixed or grow linearly with the width r");
    return two - one;
  }
  Index fixed_weights(const Sizes& sizes) const { return count(weights(sizes.dim, 1)) - unit_weights(sizes); }

  Index width_for(const Sizes& sizes) const {
    require(width >= 0, "residue: the width must be positive (or 0, to follow from the capacity), got ", width);
    return width > 0 ? width : units_for(capacity, fixed_weights(sizes), unit_weights(sizes), sizes, "residue");
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
            .weights = sizes.layers * count(weights(sizes.dim, r)),
            .gate_options = gate_traits().options,
            .body_options = options_of(body),
            .penalty_options = penalty_traits().options,
            .init_options = options_of(init)};
  }
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
