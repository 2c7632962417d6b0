/// A gate with a trained bias, which may start open.
#pragma once

#include "neutra/core/name.hpp"
#include "neutra/gate/any.hpp"
#include "neutra/op/pointwise_trained.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

namespace detail {

/// s + b
struct Shift {
  template <class V> NEUTRA_HD V f(V s, Parameters<V, 1> b) const { return s + b[0]; }
  template <class V> NEUTRA_HD V df(V, V, Parameters<V, 1>) const { return V(1); }
  template <class V> NEUTRA_HD Parameters<V, 1> dp(V, V, Parameters<V, 1>) const { return {{V(1)}}; }
};

}  // namespace detail

/// Logits s + b: s those of G, and b one trained number a layer that starts at `start`. Logits are small at first, so
/// that a gate with a start of 1 is open for every token until training closes it. Wraps any gate except an open one,
/// other wrappers included:  Biased<Contextual<Relu>>
template <class G> struct Biased {
  static_assert(check_gate<G>());
  static_assert(!detail::IsOpen<G>, "neutra: an open gate has no logit to shift; give Biased another gate");
  struct Prefix {
    static constexpr std::string_view name = "biased_";
  };
  static constexpr std::string_view name = joined_name<Prefix, G>;
  G gate{};
  double start = 1;

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("start", self.start);
    visit_options(self.gate, visit);
  }
  std::vector<Weight> logit_weights(Index d) const {
    std::vector<Weight> all = {{"gate_bias", {1}, start}};  // first, so that what follows is what G expects
    for (Weight& weight : gate::logit_weights(gate, d)) all.push_back(std::move(weight));
    return all;
  }
  template <Scalar S, Backend D>
  Var<S, D> logit(Var<S, D> x, std::span<const Var<S, D>> w, const Context& context) const {
    return pointwise_trained(gate::logit(gate, x, w.subspan(1), context), detail::Shift{}, w.first(1));
  }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
