/// One gate per output channel instead of one per token.
#pragma once

#include "neutra/core/name.hpp"
#include "neutra/gate/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// Logits W_b x with W_b (d,d); its weights count towards the capacity. Nothing is skipped: a token is closed only if
/// all its channels are.
template <class G> struct PerChannel {
  static_assert(check_gate<G>());
  static_assert(
      plain<G>,
      "neutra: a wrapper takes a gate that is no wrapper and not open; give it the inner one, such as gate::Relu");
  static constexpr std::string_view prefix = "per_channel_";
  static constexpr std::string_view name = joined_name<prefix, G::name>;
  static constexpr bool per_channel = true;
  static constexpr bool exact_zero = may_skip<G>;  // counted channel by channel
  G gate{};
  template <class Visit> void options(const Visit& visit) const { options_of(gate, visit); }
  template <class V> NEUTRA_HD V f(V s) const { return gate.f(s); }
  template <class V> NEUTRA_HD V df(V s, V g) const { return gate.df(s, g); }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
