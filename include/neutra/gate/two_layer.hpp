/// A learned logit.
#pragma once

#include "neutra/core/name.hpp"
#include "neutra/gate/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// Logit w_b . silu(W_h x) with W_h (hidden, d) and w_b (1, hidden); its weights count towards the capacity.
template <class G> struct TwoLayer {
  static_assert(check_gate<G>());
  static_assert(
      plain<G>,
      "neutra: a wrapper takes a gate that is no wrapper and not open; give it the inner one, such as gate::Relu");
  static constexpr std::string_view prefix = "two_layer_";
  static constexpr std::string_view name = joined_name<prefix, G::name>;
  static constexpr bool exact_zero = may_skip<G>;
  G gate{};
  Index hidden = 16;
  template <class Visit> void options(const Visit& visit) const {
    visit("hidden", static_cast<double>(hidden));
    options_of(gate, visit);
  }
  template <class V> NEUTRA_HD V f(V s) const { return gate.f(s); }
  template <class V> NEUTRA_HD V df(V s, V g) const { return gate.df(s, g); }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
