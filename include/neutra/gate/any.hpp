/// A gate as one type, whatever it is: what a residue computes with.
#pragma once

#include "neutra/gate/context.hpp"
#include "neutra/gate/traits.hpp"
#include "neutra/op/linear.hpp"
#include "neutra/op/pointwise.hpp"
#include "neutra/op/pointwise_trained.hpp"

#include <functional>
#include <span>

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

namespace detail {
NEUTRA_NAMED_MEMBER(SaysLogit, logit);
}

/// The logits of x (N,d), recorded: (N,1), or (N,d) with one gate per channel.      w: logit_weights, then weights
template <Gate G, Scalar S, Backend D>
Var<S, D> logit(const G& gate, Var<S, D> x, std::type_identity_t<std::span<const Var<S, D>>> w,
                const Context& context) {
  constexpr bool own = requires {
    { gate.logit(x, w, context) } -> std::same_as<Var<S, D>>;
  };
  static_assert(own || !detail::SaysLogit<G>,
                "neutra: this Gate's logit would never be asked; write  template <neutra::Scalar S, neutra::Backend D> "
                "neutra::Var<S, D> logit(neutra::Var<S, D> x, std::span<const neutra::Var<S, D>> w, const "
                "neutra::gate::Context& context) const;");
  if constexpr (own)
    return gate.logit(x, w, context);
  else if constexpr (detail::Wrapper<G>)
    return logit(gate.gate, x, w, context);
  else
    return linear(x, w[0]);
}

/// g = f(s), recorded      s, g: (N,1) or (N,d)  w: weights
template <Gate G, Scalar S, Backend D>
Var<S, D> value(const G& gate, Var<S, D> s, std::type_identity_t<std::span<const Var<S, D>>> w) {
  if constexpr (parameters_of < Function < G >>> 0)
    return pointwise_trained(s, function(gate), w);
  else
    return pointwise(s, function(gate));
}

/// dg/ds of every logit, in memory of the tape; not recorded. With parameters, the sum of the sizes of all slopes.
/// s, g: (N,1)
template <Gate G, Scalar S, Backend D>
View<const S> slopes(const G& gate, Var<S, D> s, Var<S, D> g, std::type_identity_t<std::span<const Var<S, D>>> w) {
  using F = Function<G>;
  const View<S> slope(s.tape().template memory<S>(s.shape().size()), s.shape());
  const View<const S> from = op::lengthwise(s.value()), to = op::lengthwise(g.value());
  if constexpr (constexpr auto K = parameters_of<F>; K > 0)
    D::template rows<S>(
        from.rows(), from.cols(),
        op::TrainedSlope<S, F>{from, to, op::lengthwise(slope), op::trained_numbers<K>(w), function(gate)});
  else
    D::template rows<S>(from.rows(), from.cols(),
                        op::PointwiseSlope<S, F>{from, to, op::lengthwise(slope), function(gate)});
  return slope;
}

/// Any gate, behind a few functions. Kernels are compiled once per gate, not once per combination of policies.
template <Scalar S, Backend D> struct Any : Traits {
  using Weights = std::span<const Var<S, D>>;

  template <Gate G>
  Any(const G& gate)
      : Traits(checked(gate)),
        logit([gate](Var<S, D> x, Weights w, const Context& context) { return gate::logit(gate, x, w, context); }),
        value([gate](Var<S, D> s, Weights w) { return gate::value(gate, s, w); }),
        slopes([gate](Var<S, D> s, Var<S, D> g, Weights w) { return gate::slopes(gate, s, g, w); }),
        with([gate](const PolicyOptions& chosen) { return Any(with_options(gate, chosen)); }) {}

  std::function<Var<S, D>(Var<S, D> x, Weights w, const Context&)> logit;
  std::function<Var<S, D>(Var<S, D> s, Weights w)> value;
  std::function<View<const S>(Var<S, D> s, Var<S, D> g, Weights w)> slopes;
  /// The same gate with some of its options set. Error: as with_options.
  std::function<Any(const PolicyOptions&)> with;

 private:
  template <class G> static Traits checked(const G& gate) {
    static_assert(check_gate<G>());  // here, before anything else of it is compiled
    return traits(gate);
  }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
