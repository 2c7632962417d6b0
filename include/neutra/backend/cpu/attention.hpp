/// Causal attention with grouped key/value heads, 64 query rows at a time: at most 64 x T scores exist per thread, forward and backward.
///   P = softmax(scale Q K^T + mask)      O = P V      scale = width^-0.5      lse = log of the softmax's denominator
/// The backward pass recomputes P from lse.      Dao et al. 2022, arXiv 2205.14135; Ainslie et al. 2023, arXiv 2305.13245
#pragma once

#include "neutra/backend/backend.hpp"
#include "neutra/backend/cpu/rows.hpp"

#include <cmath>

namespace neutra::inline NEUTRA_ABI::cpu {

inline constexpr Index attention_tile = 64;  // 64 x 256 scores of float: 64 KiB, well inside L2 beside the head's keys and values

/// An element of parallel_elements stands for some eight steps of a product.
inline int attention_threads(const AttentionSizes& z) {
  return threads_for(z.sequences * z.heads * z.length * z.length * z.width, 8 * parallel_elements);
}

/// Head `head` of sequence b as (T,W), cut out of a (B*T, heads*W) matrix.
template <class S> View<S> head_view(View<S> x, const AttentionSizes& z, Index b, Index head) {
  return {x.row(b * z.length) + head * z.width, Shape{z.length, z.width}, x.stride};
}

/// The same of a gradient; none stays none. `add`: this head is not the first that contributes.
template <class S> Into<S> head_into(const Into<S>& x, const AttentionSizes& z, Index b, Index head, bool add) {
  return x ? Into<S>{head_view(x.view, z, b, head), x.add || add} : x;
}

/// Rows first .. last-1 of P = exp(scale Q K^T - lse), keys 0 .. last-1; entries after the diagonal are zero. With `lse` unknown, finds it (and
/// writes it).
template <class D, Scalar S> View<S> attention_weights(View<const S> q, View<const S> k, Index first, Index last, bool bf16, S* lse, bool lse_known) {
  using V = typename D::template Value<S>;
  const Row<S, V> row;
  const S scale = S(1) / std::sqrt(static_cast<S>(q.cols()));
  const View<S> p(scratch<S, Scratch::attention_weights>(attention_tile * k.rows()), Shape{last - first, last}, k.rows());
  D::template product<S>(Operand<S>{q.slice(first, last - first), false, bf16}, Operand<S>{k.slice(0, last), true, bf16}, Into<S>{p});
  for (Index i = first; i < last; ++i) {
    S* scores = p.row(i - first);
    const Index keys = i + 1;
    if (lse_known) {
      row.each(keys, [&](auto c) { c.store(scores, math::exp(c.load(scores) * V(scale) - V(lse[i]))); });
    } else {  // divided by their sum: the rounding of a large lse would not be small
      const S top = scale * row.max(keys, [&](auto c) { return c.load(scores); });
      const S total = row.sum(keys, [&](auto c) {
        const V e = math::exp(c.load(scores) * V(scale) - V(top));
        c.store(scores, e);
        return e;
      });
      lse[i] = top + std::log(total);
      row.each(keys, [&](auto c) { c.store(scores, c.load(scores) * V(S(1) / total)); });
    }
    std::fill(scores + keys, scores + last, S(0));
  }
  return p;
}

/// q, out: (B*T, H*W)   k, v: (B*T, K*W)   lse: (B, H, T)
template <class D, Scalar S> void attention_forward(const AttentionSizes& z, View<const S> q, View<const S> k, View<const S> v, View<S> out, S* lse) {
  for_each<Schedule::stretches>(attention_threads(z), z.sequences * z.heads, [&](Index task) {
    const Index b = task / z.heads, head = task % z.heads, shared = head / (z.heads / z.kv_heads);
    const auto qh = head_view(q, z, b, head), kh = head_view(k, z, b, shared), vh = head_view(v, z, b, shared);
    const auto oh = head_view(out, z, b, head);
    for (Index first = 0; first < z.length; first += attention_tile) {
      const Index last = std::min(first + attention_tile, z.length);
      const View<const S> p = attention_weights<D, S>(qh, kh, first, last, z.bf16, lse + task * z.length, false);
      D::template product<S>(Operand<S>{p, false, z.bf16}, Operand<S>{vh.slice(0, last), false, z.bf16}, Into<S>{oh.slice(first, last - first)});
    }
  });
}

/// One query head's part of the gradients: dQ, and its contribution to the shared dK and dV.
///   dP = dO V^T      dS = scale P (dP - sum(P dP))      dQ = dS K      dK += dS^T Q      dV += P^T dO
/// In this order: dV, dK, dQ. Where two of them are one array the first writes all of it and the others add.
template <class D, Scalar S>
void attention_backward_head(View<const S> q, View<const S> k, View<const S> v, View<const S> dout, bool bf16, S* lse, Into<S> dq, Into<S> dk,
                             Into<S> dv) {
  const auto multiply = [bf16](View<const S> a, bool a_transposed, View<const S> b, bool b_transposed, Into<S> into) {
    D::template product<S>(Operand<S>{a, a_transposed, bf16}, Operand<S>{b, b_transposed, bf16}, into);
  };
  using V = typename D::template Value<S>;
  const Row<S, V> row;
  const S scale = S(1) / std::sqrt(static_cast<S>(q.cols()));
  for (Index last = q.rows(); last > 0;) {  // from the end, so that the first tile writes every row of dK and dV
    const Index first = (last - 1) / attention_tile * attention_tile, count = last - first;
    const View<S> p = attention_weights<D, S>(q, k, first, last, bf16, lse, true);
    const View<S> ds(scratch<S, Scratch::attention_slopes>(attention_tile * k.rows()), p.shape, k.rows());
    const View<const S> dout_tile = dout.slice(first, count);
    if (dv) multiply(p, true, dout_tile, false, {dv.view.slice(0, last), dv.add});
    multiply(dout_tile, false, v.slice(0, last), true, {ds});
    for (Index i = 0; i < count; ++i) {
      const S* pi = p.row(i);
      S* di = ds.row(i);
      const S mean = row.sum(first + i + 1, [&](auto c) { return c.load(pi) * c.load(di); });
      row.each(last, [&](auto c) { c.store(di, V(scale) * c.load(pi) * (c.load(di) - V(mean))); });
    }
    if (dk) multiply(ds, true, q.slice(first, count), false, {dk.view.slice(0, last), dk.add});
    if (dq) multiply(ds, false, k.slice(0, last), false, {dq.view.slice(first, count), dq.add});
    dk.add = dv.add = true;
    last = first;
  }
}

/// Gradients of attention_forward; heads that share keys and values are added up one after another, so the order never changes.
template <class D, Scalar S>
void attention_backward(const AttentionSizes& z, View<const S> q, View<const S> k, View<const S> v, View<const S> dout, S* lse, Into<S> dq,
                        Into<S> dk, Into<S> dv) {
  const Index group = z.heads / z.kv_heads;
  for_each<Schedule::stretches>(attention_threads(z), z.sequences * z.kv_heads, [&](Index task) {
    const Index b = task / z.kv_heads, shared = task % z.kv_heads;
    for (Index head = shared * group; head < (shared + 1) * group; ++head) {
      const bool add = head > shared * group;
      attention_backward_head<D, S>(head_view(q, z, b, head), head_view(k, z, b, shared), head_view(v, z, b, shared), head_view(dout, z, b, head),
                                    z.bf16, lse + (b * z.heads + head) * z.length, head_into(dq, z, b, head, false), head_into(dk, z, b, shared, add),
                                    head_into(dv, z, b, shared, add));
    }
  });
}

}  // namespace neutra::inline NEUTRA_ABI::cpu
