/// A gate that reads the sequence so far.
#pragma once

#include "neutra/core/name.hpp"
#include "neutra/gate/any.hpp"
#include "neutra/op/add.hpp"
#include "neutra/op/causal_mean.hpp"
#include "neutra/op/gated.hpp"
#include "neutra/op/linear.hpp"

#include <span>

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// Logits s_t = w_b . x_t + m_t, where m_t is the exponential mean of the evidence e of the token and of those before
/// it in its sequence; a token k back weighs decay^k (see causal_mean). Which language a text is in is a property of
/// the text, so that the context decides tokens that look alike in both. sum: m_t is the sum with these weights
/// instead, so that evidence adds up as log-likelihood ratios do, and the first tokens are decided by the bias. e = w_c
/// . x, or with `hidden` > 0 w_c . silu(W_h x), W_h (hidden,d) and w_c (1,hidden); w_b and w_c are (1,d) otherwise. All
/// count towards the capacity. Generation that keeps its past needs one number a layer, the running sum.
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
  int sum = 0;
  Index hidden = 0;

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("decay", self.decay);
    visit("sum", self.sum);
    visit("hidden", self.hidden);
    visit_options(self.gate, visit);
  }
  std::vector<Weight> logit_weights(Index d) const {
    require(hidden >= 0, "gate ", name, ": hidden, the width of the evidence's hidden layer, must be at least 0, got ",
            hidden);
    if (hidden == 0) return {{"gate", {1, d}}, {"gate_context", {1, d}}};
    return {{"gate", {1, d}}, {"gate_context_hidden", {hidden, d}}, {"gate_context", {1, hidden}}};
  }
  template <Scalar S, Backend D>
  Var<S, D> logit(Var<S, D> x, std::span<const Var<S, D>> w, const Context& context) const {
    const auto own = linear(x, w[0]);  // (N,1)
    const auto seen = hidden == 0 ? x : pointwise(linear(x, w[1]), op::Silu{});
    const auto evidence = linear(seen, w[hidden == 0 ? 1 : 2]);  // (N,1)
    return add(own, causal_mean(evidence, context.length, static_cast<S>(decay), sum != 0));
  }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
