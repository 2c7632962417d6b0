/// One gate per output channel instead of one per token.
#pragma once

#include "neutra/core/name.hpp"
#include "neutra/gate/traits.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// Logits W_b x, W_b (d,d); W_b counts towards the capacity. No token is skipped, because single channels may be open.
template <class G> struct PerChannel {
  static_assert(check_gate<G>());
  static_assert(
      plain<G>,
      "neutra: a wrapper takes a gate that is no wrapper and not open; give it the inner one, such as gate::Relu");
  struct Prefix {
    static constexpr std::string_view name = "per_channel_";
  };
  static constexpr std::string_view name = joined_name<Prefix, G>;
  static constexpr bool per_channel = true;
  G gate{};

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit_options(self.gate, visit);
  }
  std::vector<Weight> logit_weights(Index d) const { return {{"gate", {d, d}}}; }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
