/// A gate that reads the sequence so far.
#pragma once

#include "neutra/core/name.hpp"
#include "neutra/gate/any.hpp"
#include "neutra/op/add.hpp"
#include "neutra/op/causal_mean.hpp"
#include "neutra/op/linear.hpp"

#include <span>

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// Logits s_t = w_b . x_t + m_t, where m_t is the exponential mean of w_c . x over the token and those before it in its
/// sequence; a token k back weighs decay^k (see causal_mean). Which language a text is in is a property of the text, so
/// that the mean decides tokens that look alike in both. from_zero: the mean starts from 0, so that evidence adds up
/// and the first tokens are decided by the bias; otherwise the first token's evidence has its full weight at once. w_b
/// and w_c (1,d) count towards the capacity. Generation that keeps its past needs one number a layer, the running sum.
template <class G> struct Contextual {
  static_assert(check_gate<G>());
  static_assert(
      plain<G>,
      "neutra: a wrapper takes a gate that is no wrapper and not open; give it the inner one, such as gate::Relu");
  struct Prefix {
    static constexpr std::string_view name = "contextual_";
  };
  static constexpr std::string_view name = joined_name<Prefix, G>;
  G gate{};
  double decay = 0.9;
  int from_zero = 0;

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("decay", self.decay);
    visit("from_zero", self.from_zero);
    visit_options(self.gate, visit);
  }
  std::vector<Weight> logit_weights(Index d) const { return {{"gate", {1, d}}, {"gate_context", {1, d}}}; }
  template <Scalar S, Backend D>
  Var<S, D> logit(Var<S, D> x, std::span<const Var<S, D>> w, const Context& context) const {
    const auto own = linear(x, w[0]), evidence = linear(x, w[1]);  // (N,1)
    return add(own, causal_mean(evidence, context.length, static_cast<S>(decay), from_zero != 0));
  }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
