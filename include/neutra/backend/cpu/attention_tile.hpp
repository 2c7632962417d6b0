/// Parts of attention: views of heads, and the softmax of a tile of queries.
#pragma once

#include "neutra/backend/backend.hpp"
#include "neutra/backend/cpu/rows.hpp"

#include <cmath>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

// 64 x 256 scores in float are 64 KiB, which fits in L2 beside the head's keys and values.
inline constexpr Index attention_tile = 64;

/// Head `head` of sequence b as (T,W): a view of a (B*T, heads*W) matrix.
/// An absent gradient stays absent.
template <class M> M head_view(const M& x, const AttentionSizes& z, Index b, Index head) {
  if (!x.view.data) return x;
  return x.block(b * z.length, z.length, head * z.width, z.width);
}

/// Q K^T of queries first .. last-1 and keys 0 .. last-1.
template <class D, Scalar S>
View<S> attention_scores(const Operand<S>& q, const Operand<S>& k, Index first, Index last) {
  const View<S> scores(scratch<S, Scratch::attention_weights>(attention_tile * k.rows()), Shape{last - first, last},
                       k.rows());
  D::template product<S>(q.slice(first, last - first), k.slice(0, last).transpose(), scores);
  return scores;
}

/// Scratch memory for as many elements of T as x has; x itself if its type is T.
template <class T, Scratch purpose, Scalar S> View<T> stored_as(View<S> x) {
  if constexpr (std::is_same_v<T, S>)
    return x;
  else
    return {scratch<T, purpose>(attention_tile * x.stride), x.shape, x.stride};
}

/// P = softmax(scale scores) for the rows first ... of Q; entries right of the diagonal are zero. Divides by the sum
/// instead of subtracting lse, because a large lse has a large rounding error.
template <class D, Scalar S, class T> void attention_softmax(View<S> scores, View<T> p, Index first, S scale, S* lse) {
  using V = typename D::template Value<S>;
  const Row<S, V> row;
  for (Index i = 0; i < scores.rows(); ++i) {
    S* x = scores.row(i);
    const Index keys = first + i + 1;
    const S top = scale * row.max(keys, [&](auto c) { return c.load(x); });
    const S total = row.sum(keys, [&](auto c) {
      const V e = math::exp(c.load(x) * V(scale) - V(top));
      c.store(x, e);
      return e;
    });
    lse[first + i] = top + std::log(total);
    row.each(keys, [&](auto c) { c.store(p.row(i), c.load(x) * V(S(1) / total)); });
    std::fill(p.row(i) + keys, p.row(i) + p.cols(), T());
  }
}

/// P recomputed from lse: in S in place of the scores, and in T.
template <class D, Scalar S, class T>
void attention_softmax_again(View<S> scores, View<T> p, Index first, S scale, const S* lse) {
  using V = typename D::template Value<S>;
  for (Index i = 0; i < scores.rows(); ++i) {
    S* x = scores.row(i);
    const Index keys = first + i + 1;
    Row<S, V>{}.each(keys, [&](auto c) {
      const V e = math::exp(c.load(x) * V(scale) - V(lse[first + i]));
      c.store(x, e);
      if constexpr (!std::is_same_v<T, S>) c.store(p.row(i), e);
    });
    std::fill(x + keys, x + scores.cols(), S(0));
    if constexpr (!std::is_same_v<T, S>) std::fill(p.row(i) + keys, p.row(i) + p.cols(), T());
  }
}

}}}  // namespace neutra::NEUTRA_ABI::cpu
