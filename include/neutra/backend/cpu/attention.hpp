/// Causal grouped-query attention, 64 query rows at a time:
/// at most 64 x T scores exist per thread, forward and backward.
///   P = softmax(scale Q K^T + mask)      O = P V      scale = width^-0.5      lse = log of the softmax's denominator
/// With a cap c, c tanh(scale Q K^T / c) replaces scale Q K^T.
/// The backward pass recomputes P from lse. With a window, a tile reads the keys of its queries' windows alone, so that
/// time grows with tokens times window.
/// Dao et al. 2022, arXiv 2205.14135; Ainslie et al. 2023, arXiv 2305.13245; cap: Gemma Team 2024, arXiv 2408.00118
#pragma once

#include "neutra/backend/cpu/attention_tile.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

/// One element of parallel_elements costs about as much as eight multiply-adds of a product.
inline int attention_threads(const AttentionSizes& z) {
  const Index keys = z.window > 0 ? std::min(z.keys(), z.window + attention_tile) : z.keys();
  return threads_for(z.sequences * z.heads * z.length * keys * z.width, 8 * parallel_elements);
}

/// q, out: (B*T, H*W)   k, v: (B*(past+T), K*W)   lse: (B, H, T)      out: S, or rounded as the operands are
template <class D, Scalar S>
void attention_forward(const AttentionSizes& z, const Operand<S>& q, const Operand<S>& k, const Operand<S>& v,
                       const Result<S>& out, S* lse) {
  const S scale = z.template softmax_scale<S>();
  for_each<Schedule::ranges>(attention_threads(z), z.sequences * z.heads, [&](Index task) {
    const Index b = task / z.heads, head = task % z.heads, shared = head / (z.heads / z.kv_heads);
    const auto qh = head_view(q, z, b, head), kh = head_view(k, z, b, shared), vh = head_view(v, z, b, shared);
    const auto oh = head_view(out, z, b, head);
    for (Index first = 0; first < z.length; first += attention_tile) {
      const AttentionTile tile(z, first, std::min(first + attention_tile, z.length));
      const View<S> scores = attention_scores<D>(qh, kh, tile);
      if (z.cap > 0) cap_scores<D>(scores, tile, z);
      with_dtype<S>(q.precision, [&]<class P>() {
        const View<P> p = stored_as<P, Scratch::attention_weights>(scores);
        attention_softmax<D>(scores, p, tile, scale, lse + task * z.length);
        D::template product<S>(p, vh.slice(tile.begin, tile.keys()), oh.block(first, tile.queries(), 0, z.width));
      });
    }
  });
}

/// With a window no tile writes every row of a gradient: those that nothing was written to begin as zero.
template <Scalar S> void start_from_zero(Into<S>& gradient) {
  if (!gradient.view.data || gradient.add) return;
  for (Index n = 0; n < gradient.view.rows(); ++n) std::fill_n(gradient.view.row(n), gradient.view.cols(), S(0));
  gradient.add = true;
}

/// One query head's share of the gradients: dQ, and its contribution to the shared dK and dV.
/// P is the matmul type of P and dS.
///   dP = dO V^T      dS = scale P (dP - sum(P dP))      dQ = dS K      dK += dS^T Q      dV += P^T dO
/// With a cap, dS is multiplied by 1 - tanh^2.
/// Computed in the order dV, dK, dQ. If two of them are the same array,
/// the first overwrites all of it and the others add.
template <class D, class P, Scalar S>
void attention_backward_head(const AttentionSizes& z, const Operand<S>& q, const Operand<S>& k, const Operand<S>& v,
                             const Operand<S>& dout, const S* lse, Into<S> dq, Into<S> dk, Into<S> dv) {
  using V = typename D::template Value<S>;
  const Row<S, V> row;
  const S scale = z.template scale<S>(), softmax_scale = z.template softmax_scale<S>();
  if (z.window > 0) {
    start_from_zero(dv);
    start_from_zero(dk);
  }
  for (Index last = q.rows(); last > 0;) {  // backwards, so that the first tile writes every row of dK and dV
    const Index first = (last - 1) / attention_tile * attention_tile, count = last - first;
    const AttentionTile tile(z, first, last);
    const Index begin = tile.begin, keys = tile.keys();
    const View<S> weights = attention_scores<D>(q, k, tile);
    const View<S> cap_slopes =
        z.cap > 0 ? View<S>(scratch<S, Scratch::attention_cap>(attention_tile * k.rows()), weights.shape, k.rows())
                  : View<S>{};
    if (z.cap > 0) cap_scores<D>(weights, tile, z, cap_slopes);
    const View<P> p = stored_as<P, Scratch::attention_weights>(weights);
    attention_softmax_again<D>(weights, p, tile, softmax_scale, lse);
    const Operand<S> slopes_out = dout.slice(first, count);
    if (dv) D::template product<S>(Operand<S>(p).transpose(), slopes_out, {dv.view.slice(begin, keys), dv.add});
    const View<S> dp(scratch<S, Scratch::attention_slopes>(attention_tile * k.rows()), weights.shape, k.rows());
    const View<P> ds = stored_as<P, Scratch::attention_slopes>(dp);
    D::template product<S>(slopes_out, v.slice(begin, keys).transpose(), dp);
    for (Index i = 0; i < count; ++i) {
      const S *pi = weights.row(i), *di = dp.row(i);
      const S mean = row.sum(tile.to(i), [&](auto c) { return c.load(pi) * c.load(di); });
      if (z.cap > 0) times_slopes<D>(weights, cap_slopes, tile, i);  // after dV and the mean, which read P
      row.each(keys, [&](auto c) { c.store(ds.row(i), V(scale) * c.load(pi) * (c.load(di) - V(mean))); });
    }
    const Operand<S> slopes(ds);
    if (dk) D::template product<S>(slopes.transpose(), q.slice(first, count), {dk.view.slice(begin, keys), dk.add});
    if (dq) D::template product<S>(slopes, k.slice(begin, keys), {dq.view.slice(first, count), dq.add});
    dk.add = dv.add = true;
    last = first;
  }
}

/// The accumulator of a head's gradient: the gradient itself or, if its storage dtype is rounded, scratch memory of
/// this thread in S.
template <Scalar S, Scratch purpose> Into<S> sums_of(const Result<S>& x) {
  if (x.view.dtype == dtype_of<S>) return {x.view.template as<S>(), x.add};
  return x ? Into<S>{View<S>(scratch<S, purpose>(x.view.size()), x.view.shape)} : Into<S>{};
}

/// Rounds sums that were accumulated in scratch memory, and writes or adds them.
template <class D, Scalar S> void bring_in(const Into<S>& sums, const Result<S>& x) {
  if (x.view.dtype == dtype_of<S>) return;
  x.visit([&](const auto& into) {
    const Row<S, typename D::template Value<S>> row;
    for (Index n = 0; into && n < into.view.rows(); ++n)
      row.each(into.view.cols(), [&](auto c) { c.write(into, n, c.load(sums.view.row(n))); });
  });
}

/// The gradients of attention_forward. Heads that share keys and values are added one after another,
/// so that the order is fixed.
template <class D, Scalar S>
void attention_backward(const AttentionSizes& z, const Operand<S>& q, const Operand<S>& k, const Operand<S>& v,
                        const Operand<S>& dout, const S* lse, const Result<S>& dq, const Result<S>& dk,
                        const Result<S>& dv) {
  const Index group = z.heads / z.kv_heads;
  for_each<Schedule::ranges>(attention_threads(z), z.sequences * z.kv_heads, [&](Index task) {
    const Index b = task / z.kv_heads, shared = task % z.kv_heads;
    const auto dkh = head_view(dk, z, b, shared), dvh = head_view(dv, z, b, shared);
    auto dk_sums = sums_of<S, Scratch::key_gradient>(dkh), dv_sums = sums_of<S, Scratch::value_gradient>(dvh);
    for (Index head = shared * group; head < (shared + 1) * group; ++head) {
      const auto dqh = head_view(dq, z, b, head);
      const auto dq_sums = sums_of<S, Scratch::query_gradient>(dqh);
      with_dtype<S>(q.precision, [&]<class P>() {
        attention_backward_head<D, P>(z, head_view(q, z, b, head), head_view(k, z, b, shared),
                                      head_view(v, z, b, shared), head_view(dout, z, b, head),
                                      lse + (b * z.heads + head) * z.length, dq_sums, dk_sums, dv_sums);
      });
      dk_sums.add = dv_sums.add = true;
      if (head + 1 == (shared + 1) * group) {  // before dQ, which adds to dK and dV if all three are the same array
        bring_in<D>(dv_sums, dvh);
        bring_in<D>(dk_sums, dkh);
      }
      bring_in<D>(dq_sums, dqh);
    }
  });
}

}}}  // namespace neutra::NEUTRA_ABI::cpu
