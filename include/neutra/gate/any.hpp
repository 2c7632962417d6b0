/// A type-erased gate, chosen at run time.
#pragma once

// Included first, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/gate/context.hpp"
#include "neutra/gate/traits.hpp"
#include "neutra/op/linear.hpp"
#include "neutra/op/pointwise.hpp"
#include "neutra/op/pointwise_trained.hpp"

#include <span>

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

namespace detail {
NEUTRA_NAMED_MEMBER(SaysLogit, logit);
}

/// The logits of x, recorded.
/// x: (N,d)  result: (N,1), or (N,d) for one gate per channel  w: logit_weights, then weights
template <Gate G, Scalar S, Backend D>
Var<S, D> logit(const G& gate, Var<S, D> x, std::type_identity_t<std::span<const Var<S, D>>> w,
                const Context& context) {
  constexpr bool own = requires {
    { gate.logit(x, w, context) } -> std::same_as<Var<S, D>>;
  };
  static_assert(
      own || !detail::SaysLogit<G>,
      "neutra: this Gate's logit would never be called; write  template <neutra::Scalar S, neutra::Backend D> "
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
  if constexpr ((parameters_of<Function<G>>) > 0)
    return pointwise_trained(s, function(gate), w);
  else
    return pointwise(s, function(gate));
}

/// dg/ds of every logit, in scratch memory, not recorded. For a gate with parameters |dg/ds| + sum |dg/dp_k|.
/// s, g: (N,1)
template <Gate G, Scalar S, Backend D>
View<const S> slopes(const G& gate, Var<S, D> s, Var<S, D> g, std::type_identity_t<std::span<const Var<S, D>>> w) {
  using F = Function<G>;
  const View<S> slope(s.tape().template memory<S>(s.shape().size()), s.shape());
  const View<const S> from = op::lengthwise(s.value()), to = op::lengthwise(g.value());
  if constexpr ((parameters_of<F>) > 0) {
    const auto numbers = op::trained_numbers<F>(w);
    const op::TrainedSlope<S, F> kernel{from, to, op::lengthwise(slope), numbers, function(gate)};
    op::elementwise<S, D>(from, 1, kernel);
  } else {
    const op::PointwiseSlope<S, F> kernel{from, to, op::lengthwise(slope), function(gate)};
    op::elementwise<S, D>(from, 1, kernel);
  }
  return slope;
}

/// A type-erased gate. Kernels are compiled once per gate, not once per combination of policies.
template <Scalar S, Backend D> class Any : public Traits {
 public:
  using Weights = std::span<const Var<S, D>>;

  // Checked in the constraint, so that this message precedes the errors of the kernels.
  template <Gate G>
  requires(check_gate<G>()) Any(const G& gate)
      : Traits(traits(gate)),
        logit_([](const Held& held, Var<S, D> x, Weights w, const Context& context) {
          return gate::logit(held.as<G>(), x, w, context);
        }),
        value_([](const Held& held, Var<S, D> s, Weights w) { return gate::value(held.as<G>(), s, w); }),
        slopes_(
            [](const Held& held, Var<S, D> s, Var<S, D> g, Weights w) { return gate::slopes(held.as<G>(), s, g, w); }),
        with_([](const Held& held, const PolicyOptions& chosen) { return Any(with_options(held.as<G>(), chosen)); }) {}

  /// As gate::logit, gate::value and gate::slopes.
  Var<S, D> logit(Var<S, D> x, Weights w, const Context& context) const { return logit_(policy, x, w, context); }
  Var<S, D> value(Var<S, D> s, Weights w) const { return value_(policy, s, w); }
  View<const S> slopes(Var<S, D> s, Var<S, D> g, Weights w) const { return slopes_(policy, s, g, w); }
  /// A copy of the gate with some options changed. Error: as with_options.
  Any with(const PolicyOptions& chosen) const { return with_(policy, chosen); }

 private:
  Var<S, D> (*logit_)(const Held&, Var<S, D>, Weights, const Context&);
  Var<S, D> (*value_)(const Held&, Var<S, D>, Weights);
  View<const S> (*slopes_)(const Held&, Var<S, D>, Var<S, D>, Weights);
  Any (*with_)(const Held&, const PolicyOptions&);
};

}}}  // namespace neutra::NEUTRA_ABI::gate
