/// Local losses of a router that chooses experts.
#pragma once

#include "neutra/op/columns.hpp"
#include "neutra/op/pointwise.hpp"
#include "neutra/op/scale_columns.hpp"
#include "neutra/op/scale_rows.hpp"
#include "neutra/op/sum.hpp"
#include "neutra/penalty/tokens.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// weight[n] factor where w[n,c] > 0, else 0, for column sums      w: (N,E)  weight: (N), or null for 1
template <Scalar S> struct Chosen {
  View<const S> w;
  const S* weight;
  S factor;

  template <class Lanes> NEUTRA_HD auto operator()(Index n, Lanes c) const {
    const auto here = c.load(w.row(n));
    using V = std::remove_const_t<decltype(here)>;
    return math::select(here > V(S(0)), V(weight ? factor * weight[n] : factor), V(S(0)));
  }
};

/// -log p = log1p(1 / p - 1), of a p below 1e-30 as if it were 1e-30, with no slope there
struct NegativeLog {
  template <class V> NEUTRA_HD V f(V p) const { return math::log1p(V(1) / math::max(p, V(1e-30f)) - V(1)); }
  template <class V> NEUTRA_HD V df(V p, V) const { return math::select(p > V(1e-30f), V(-1) / p, V(0)); }
};

namespace detail {
/// scale times the sum of the counted rows of x.      x: (N,C)
template <Scalar S, Backend D> Var<S, D> counted_sum(Var<S, D> x, const penalty::Share<S>& counted, S scale) {
  if (!counted.weight) return sum(x, scale);
  return sum(scale_rows(x, x.tape().input(View<const S>(counted.weight, {x.shape().rows(), 1}))), scale);
}
}  // namespace detail

/// Load balancing: E sum over e of f_e P_e of the counted tokens of a batch, times their share in those of the step,
/// divided by layers. f_e: the share of these tokens that chose expert e, held constant; P_e: their mean p_e. It is
/// least, and as large as the number of choices of a token, where all experts are chosen alike.
/// p: (N,E), the probabilities of the router   w: (N,E), positive where an expert is chosen
/// Fedus, Zoph, Shazeer 2021, arXiv 2101.03961, eq. 4-6
template <Scalar S, Backend D>
Var<S, D> balance_loss(Var<S, D> p, std::type_identity_t<Var<S, D>> w, const penalty::Share<S>& counted) {
  const Index rows = p.shape().rows(), experts = p.shape().cols();
  S* shares = p.tape().template memory<S>(experts);
  const S each = counted.tokens > 0 ? S(1) / static_cast<S>(counted.tokens) : S(0);
  D::template column_sums<S>(rows, experts, Chosen<S>{w.value(), counted.weight, each}, {View<S>(shares, {experts})});
  const auto products = scale_columns(p, p.tape().input(View<const S>(shares, {experts})));
  return detail::counted_sum(products, counted, static_cast<S>(experts) * counted.scale);
}

/// Language prior: the sum over counted tokens of -log p_0, divided by layers and the counted tokens of the step.
/// Expert 0 is the original FFN.      p: (N,E)
template <Scalar S, Backend D> Var<S, D> prior_loss(Var<S, D> p, const penalty::Share<S>& counted) {
  return detail::counted_sum(pointwise(columns(p, 0, 1), NegativeLog{}), counted, counted.scale);
}

}}}  // namespace neutra::NEUTRA_ABI::adapter
