/// A gate with a two-layer logit.
#pragma once

#include "neutra/core/name.hpp"
#include "neutra/gate/context.hpp"
#include "neutra/gate/traits.hpp"
#include "neutra/op/gated.hpp"
#include "neutra/op/linear.hpp"

#include <span>

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// Logits w_b . silu(W_h x), W_h (hidden,d) and w_b (1,hidden); both count towards the capacity.
template <class G> struct TwoLayer {
  static_assert(check_gate<G>());
  static_assert(
      plain<G>,
      "neutra: a wrapper takes a gate that is no wrapper and not open; give it the inner one, such as gate::Relu");
  struct Prefix {
    static constexpr std::string_view name = "two_layer_";
  };
  static constexpr std::string_view name = joined_name<Prefix, G>;
  G gate{};
  Index hidden = 16;

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("hidden", self.hidden);
    visit_options(self.gate, visit);
  }
  std::vector<Weight> logit_weights(Index d) const {
    require(hidden > 0, "gate ", name, ": hidden, the width of its hidden layer, must be at least 1, got ", hidden);
    return {{"gate_hidden", {hidden, d}}, {"gate", {1, hidden}}};
  }
  template <Scalar S, Backend D> Var<S, D> logit(Var<S, D> x, std::span<const Var<S, D>> w, const Context&) const {
    return linear(pointwise(linear(x, w[0]), op::Silu{}), w[1]);
  }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
