/// A gate of a running mean, which changes slowly along a sequence.
#pragma once

#include "neutra/core/name.hpp"
#include "neutra/gate/any.hpp"
#include "neutra/op/causal_mean.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// Applies G to the mean logit of the token and the tokens before it in its sequence, where the one k tokens back
/// weighs decay^k; a decay of 1 is the plain mean. It has no weights of its own, and wraps any gate except an open one,
/// other wrappers included:  CausalMean<TwoLayer<Relu>>
template <class G> struct CausalMean {
  static_assert(check_gate<G>());
  static_assert(!detail::IsOpen<G>, "neutra: an open gate has no logit to average; give CausalMean another gate");
  struct Prefix {
    static constexpr std::string_view name = "causal_mean_";
  };
  static constexpr std::string_view name = joined_name<Prefix, G>;
  G gate{};
  double decay = 1;

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("decay", self.decay);
    visit_options(self.gate, visit);
  }
  template <Scalar S, Backend D>
  Var<S, D> logit(Var<S, D> x, std::span<const Var<S, D>> w, const Context& context) const {
    return causal_mean(gate::logit(gate, x, w, context), context.length, static_cast<S>(decay));
  }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
