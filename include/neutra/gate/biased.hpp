/// A gate with a trained bias, which may start open.
#pragma once

#include "neutra/core/name.hpp"
#include "neutra/gate/traits.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// g = G(s + b), b one trained number a layer that starts at `start`. Logits are small at first, so that a gate with a
/// start of 1 is open for every token until training closes it.
template <class G> struct Biased {
  static_assert(check_gate<G>());
  static_assert(plain<G> && parameters_of<G> == 0,
                "neutra: a bias is given to a gate without wrapper or parameters, and which is not open, such as "
                "gate::Relu; wrap the biased gate:  TwoLayer<Biased<Relu>>");
  struct Prefix {
    static constexpr std::string_view name = "biased_";
  };
  static constexpr std::string_view name = joined_name<Prefix, G>;
  static constexpr bool exact_zero = gate::exact_zero<G>();
  G inner{};
  double start = 1;

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("start", self.start);
    visit_options(self.inner, visit);
  }
  std::vector<Weight> weights(Index) const { return {{"bias", {1}, start}}; }
  template <class V> NEUTRA_HD V f(V s, Parameters<V, 1> b) const { return inner.f(s + b[0]); }
  template <class V> NEUTRA_HD V df(V s, V g, Parameters<V, 1> b) const { return inner.df(s + b[0], g); }
  template <class V> NEUTRA_HD Parameters<V, 1> dp(V s, V g, Parameters<V, 1> b) const { return {{df(s, g, b)}}; }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
