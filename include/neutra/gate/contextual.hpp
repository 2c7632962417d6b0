/// A gate that reads the sequence so far.
#pragma once

#include "neutra/core/name.hpp"
#include "neutra/gate/any.hpp"
#include "neutra/op/add.hpp"
#include "neutra/op/causal_mean.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// Logits s_t = w_b . x_t + m_t, where m_t is the exponential mean of w_c . x over the token and those before it in its
/// sequence; a token k back weighs decay^k (see causal_mean). Which language a text is in is a property of the text, so
/// that the mean decides tokens that look alike in both. w_b and w_c (1,d) count towards the capacity. Generation that
/// keeps its past needs one number a layer, the running sum.
template <class G> struct Contextual {
  static_assert(check_gate<G>());
  static_assert(plain<G>,
                "neutra: the context takes a gate that is no wrapper and not open, such as gate::Relu or "
                "gate::Biased<gate::Relu>");
  struct Prefix {
    static constexpr std::string_view name = "contextual_";
  };
  static constexpr std::string_view name = joined_name<Prefix, G>;
  G gate{};
  double decay = 0.9;

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("decay", self.decay);
    visit_options(self.gate, visit);
  }
  std::vector<Weight> logit_weights(Index d) const { return {{"gate", {1, d}}, {"gate_context", {1, d}}}; }
  template <Scalar S, Backend D>
  Var<S, D> logit(Var<S, D> x, std::span<const Var<S, D>> w, const Context& context) const {
    const auto own = linear(x, w[0]), evidence = linear(x, w[1]);  // (N,1)
    return add(own, causal_mean(evidence, context.length, static_cast<S>(decay)));
  }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
