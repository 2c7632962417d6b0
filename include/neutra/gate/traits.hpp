/// What a gate says of itself, or the gate that it wraps.
#pragma once

#include "neutra/gate/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// A gate that a wrapper of the logit may take: one whose logit is w_b . x, and not open.
template <class G>
inline constexpr bool plain = !detail::SaysLogitWeights<G> && !detail::IsOpen<G> && !detail::Wrapper<G>;

template <class G> constexpr bool exact_zero() {
  if constexpr (detail::Wrapper<G> && !requires { G::exact_zero; })
    return exact_zero<decltype(G::gate)>();
  else
    return detail::IsExactZero<G>;
}
template <class G> constexpr bool per_channel() {
  if constexpr (detail::Wrapper<G> && !requires { G::per_channel; })
    return per_channel<decltype(G::gate)>();
  else
    return detail::IsPerChannel<G>;
}

/// Whether skipping is possible with this gate at all.
template <class G> inline constexpr bool may_skip = exact_zero<G>() && !per_channel<G>();

/// Weights of the logit, and those of the gate's own, named as in the file but for the layer.      d: the model's width
template <Gate G> std::vector<Weight> logit_weights(const G& gate, Index d) {
  if constexpr (detail::HasLogitWeights<G>)
    return gate.logit_weights(d);
  else if constexpr (detail::Wrapper<G>)
    return logit_weights(gate.gate, d);
  else if constexpr (detail::IsOpen<G>)
    return {};
  else
    return {{"gate", {1, d}}};
}
template <Gate G> std::vector<Weight> weights(const G& gate, Index d) {
  if constexpr (detail::HasWeights<G>)
    return prefixed("gate.", gate.weights(d));
  else if constexpr (detail::Wrapper<G>)
    return weights(gate.gate, d);
  else
    return {};
}

template <Gate G> Traits traits(const G& gate) {
  return {.name = G::name,
          .open = detail::IsOpen<G>,
          .exact_zero = exact_zero<G>(),
          .per_channel = per_channel<G>(),
          .options = options_of(gate),
          .logit_weights = [gate](Index d) { return logit_weights(gate, d); },
          .weights = [gate](Index d) { return weights(gate, d); }};
}
inline const Traits& traits(const Traits& of_any) { return of_any; }

}}}  // namespace neutra::NEUTRA_ABI::gate
