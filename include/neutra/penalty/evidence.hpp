/// What a local loss may be computed from, and the loss of any penalty.
#pragma once

#include "neutra/op/penalty.hpp"
#include "neutra/penalty/family.hpp"

#include <span>

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

namespace detail {
/// |x| without the sign: the sum of a gate itself.
struct Itself {
  template <class V> NEUTRA_HD V f(V g, V, V) const { return g; }
  template <class V> NEUTRA_HD V dg(V, V, V) const { return V(1); }
  template <class V> NEUTRA_HD V ds(V, V, V) const { return V(0); }
};
}  // namespace detail

/// The residue's rows r (M,d), those of open tokens alone where closed ones are skipped; the output y (N,d) it joins;
/// gate g and logit s of all tokens, (N,1) or (N,d) (an open gate has neither).
template <Scalar S, Backend D> struct Evidence {
  Var<S, D> r, y, g{}, s{};
  Domains<S> domains{};
  const std::int32_t* index = nullptr;  // row i of r is of token index[i]; null: of token i

  /// For ops over the rows of r.
  Counted<S> rows(Counts counts) const { return {domains.of(counts).weight, domains.target.weight, index}; }
  /// For ops over all tokens, such as those of g and s.
  Counted<S> tokens(Counts counts) const { return {domains.of(counts).weight, domains.target.weight, nullptr}; }
  /// What a sum over counted tokens is multiplied by: 1 / (layers * counted tokens of the whole step).
  S scale(Counts counts) const { return domains.of(counts).scale; }
  /// What a function of the whole batch is multiplied by: its share of the step's counted tokens, by layers.
  S batch_scale(Counts counts) const { return static_cast<S>(domains.of(counts).tokens) * scale(counts); }

  /// Mean gate over the counted tokens of the batch (and channels, where it has several), one number; 0 where none is
  /// counted. A batch is what one backward pass sees: with accumulation, a micro-batch.
  Var<S, D> mean_gate(Counts counts) const {
    const Index n = domains.of(counts).tokens;
    return gate_penalty(detail::Itself{}, g, s, tokens(counts), n > 0 ? S(1) / static_cast<S>(n) : S(0));
  }
  /// The same with every scale times a factor.
  Evidence times(S factor) const {
    Evidence scaled = *this;
    for (Share<S>* share : {&scaled.domains.original, &scaled.domains.target, &scaled.domains.both})
      share->scale *= factor;
    return scaled;
  }
};

/// The penalty's local loss of a batch, recorded: scale * sum over counted tokens, or what its own loss says.
/// w: weights, empty where it has none
template <Penalty P, Scalar S, Backend D>
Var<S, D> loss(const P& penalty, const Evidence<S, D>& e, std::type_identity_t<std::span<const Var<S, D>>> w) {
  if constexpr (GateFunction<P>) {
    return gate_penalty(penalty, e.g, e.s, e.tokens(P::counts), e.scale(P::counts));
  } else if constexpr (RowFunction<P>) {
    return residue_penalty(penalty, e.r, e.y, e.rows(P::counts), e.scale(P::counts));
  } else if constexpr (detail::OfOps<P>) {
    constexpr bool has_loss = requires {
      { penalty.loss(e, w) } -> std::same_as<Var<S, D>>;
    };
    static_assert(has_loss,
                  "neutra: this Penalty of ops has no loss; add  template <neutra::Scalar S, neutra::Backend D> "
                  "neutra::Var<S, D> loss(const neutra::penalty::Evidence<S, D>& e, std::span<const neutra::Var<S, D>> "
                  "w) const;");
    if constexpr (has_loss) return penalty.loss(e, w);
    return {};
  } else {
    fail("penalty none has no value; a residue must not ask for it");
  }
}

}}}  // namespace neutra::NEUTRA_ABI::penalty
