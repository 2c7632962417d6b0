/// The inputs of a local loss, and the loss of any penalty.
#pragma once

#include "neutra/op/penalty.hpp"
#include "neutra/penalty/family.hpp"

#include <span>

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

namespace detail {
/// The value of the gate, from which its mean is computed.
struct Itself {
  template <class V> NEUTRA_HD V f(V g, V, V) const { return g; }
  template <class V> NEUTRA_HD V dg(V, V, V) const { return V(1); }
  template <class V> NEUTRA_HD V ds(V, V, V) const { return V(0); }
};
}  // namespace detail

/// The inputs of a local loss.
///   r: (M,d), the residue; only the rows of open tokens if closed ones are skipped
///   y: (N,d), the output to which the residue is added
///   g, s: (N,1) or (N,d), gate and logit of all tokens; an open gate has neither
template <Scalar S, Backend D> struct Activations {
  Var<S, D> r, y, g{}, s{};
  Domains<S> domains{};
  const std::int32_t* index = nullptr;  // row i of r belongs to token index[i]; null: to token i

  /// For ops over the rows of r.
  Counted<S> rows(Counts counts) const { return {domains.of(counts).weight, domains.target.weight, index}; }
  /// For ops over all tokens, such as those of g and s.
  Counted<S> tokens(Counts counts) const { return {domains.of(counts).weight, domains.target.weight, nullptr}; }
  /// The factor of a sum over counted tokens: 1 / (layers * counted tokens of the whole step).
  S scale(Counts counts) const { return domains.of(counts).scale; }
  /// The factor of a function of the whole batch: counted tokens of the batch / (layers * counted tokens of the step).
  S batch_scale(Counts counts) const { return static_cast<S>(domains.of(counts).tokens) * scale(counts); }

  /// The mean gate over the counted tokens of the batch, and over channels if there are several; a scalar, 0 if no
  /// token is counted. The batch is that of one backward pass: with gradient accumulation, a micro-batch.
  Var<S, D> mean_gate(Counts counts) const {
    const Index n = domains.of(counts).tokens;
    return gate_penalty(detail::Itself{}, g, s, tokens(counts), n > 0 ? S(1) / static_cast<S>(n) : S(0));
  }
  /// A copy with every scale multiplied by `factor`.
  Activations times(S factor) const {
    Activations scaled = *this;
    for (Share<S>* share : {&scaled.domains.original, &scaled.domains.target, &scaled.domains.both})
      share->scale *= factor;
    return scaled;
  }
};

/// The local loss of a batch, recorded: scale * sum over counted tokens, or what the loss of the penalty returns.
/// w: the weights of the penalty, possibly none
template <Penalty P, Scalar S, Backend D>
Var<S, D> loss(const P& penalty, const Activations<S, D>& e, std::type_identity_t<std::span<const Var<S, D>>> w) {
  if constexpr (GateFunction<P>) {
    return gate_penalty(penalty, e.g, e.s, e.tokens(P::counts), e.scale(P::counts));
  } else if constexpr (RowFunction<P>) {
    return residue_penalty(penalty, e.r, e.y, e.rows(P::counts), e.scale(P::counts));
  } else if constexpr (detail::OfOps<P>) {
    constexpr bool has_loss = requires {
      { penalty.loss(e, w) } -> std::same_as<Var<S, D>>;
    };
    static_assert(
        has_loss,
        "neutra: this Penalty of ops has no loss; add  template <neutra::Scalar S, neutra::Backend D> "
        "neutra::Var<S, D> loss(const neutra::penalty::Activations<S, D>& e, std::span<const neutra::Var<S, D>> "
        "w) const;");
    if constexpr (has_loss) return penalty.loss(e, w);
    return {};
  } else {
    fail("penalty none has no loss; check Traits::none first");
  }
}

}}}  // namespace neutra::NEUTRA_ABI::penalty
