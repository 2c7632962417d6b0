/// One gate per output channel instead of one per token.
#pragma once

#include "neutra/core/name.hpp"
#include "neutra/gate/traits.hpp"

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
  G gate{};

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit_options(self.gate, visit);
  }
  std::vector<Weight> logit_weights(Index d) const { return {{"gate", {d, d}}}; }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
