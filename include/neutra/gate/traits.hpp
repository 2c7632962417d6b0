/// The properties of a gate, its own or those of the gate that it wraps.
#pragma once

#include "neutra/gate/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// Whether a wrapper that replaces the logit may take the gate: its logit is w_b . x, and it is not open.
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

/// Whether closed tokens can be skipped with this gate.
template <class G> inline constexpr bool may_skip = exact_zero<G>() && !per_channel<G>();

/// The weights of the logit, and the parameters of the gate, named as in files without the layer.
/// d: the model width
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
          .policy = Held(gate),
          .logit_weights_of = [](const Held& held, Index d) { return logit_weights(held.as<G>(), d); },
          .weights_of = [](const Held& held, Index d) { return weights(held.as<G>(), d); }};
}
inline const Traits& traits(const Traits& of_any) { return of_any; }

}}}  // namespace neutra::NEUTRA_ABI::gate
