/// Parts of attention: views of heads, and the softmax of a tile of queries.
#pragma once

#include "neutra/backend/backend.hpp"
#include "neutra/backend/cpu/rows.hpp"

#include <algorithm>
#include <cmath>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

// 64 x 256 scores in float are 64 KiB, which fits in L2 beside the head's keys and values.
inline constexpr Index attention_tile = 64;

/// Head `head` of sequence b as (T,W): a view of a (B*T, heads*W) matrix; T is that of the queries or of the keys.
/// An absent gradient stays absent.
template <class M> M head_view(const M& x, const AttentionSizes& z, Index b, Index head) {
  if (!x.view.data) return x;
  const Index rows = x.view.rows() / z.sequences;
  return x.block(b * rows, rows, head * z.width, z.width);
}

/// A tile of queries first .. last-1, and the keys begin .. end-1 that any of them reads.
struct AttentionTile {
  const AttentionSizes& sizes;
  Index first, last, begin, end;

  AttentionTile(const AttentionSizes& z, Index first_query, Index past_last)
      : sizes(z), first(first_query), last(past_last), begin(z.first_key(first)), end(z.end_key(last - 1)) {}
  Index queries() const { return last - first; }
  Index keys() const { return end - begin; }
  /// The columns of row i that its query reads: from .. to(i)-1.
  Index from(Index i) const { return sizes.first_key(first + i) - begin; }
  Index to(Index i) const { return sizes.end_key(first + i) - begin; }
};

/// Q K^T of the tile's queries and keys.
template <class D, Scalar S>
View<S> attention_scores(const Operand<S>& q, const Operand<S>& k, const AttentionTile& tile) {
  const View<S> scores(scratch<S, Scratch::attention_weights>(attention_tile * k.rows()),
                       Shape{tile.queries(), tile.keys()}, k.rows());
  D::template product<S>(q.slice(tile.first, tile.queries()), k.slice(tile.begin, tile.keys()).transpose(), scores);
  return scores;
}

/// t = tanh(scale scores / cap) in place of the scores; slopes = 1 - t^2, if given. The softmax multiplies t by the
/// cap. Not inlined, so that the loops of the softmax compile to the same code whether or not there is a cap.
template <class D, Scalar S>
[[gnu::noinline]] void cap_scores(View<S> scores, const AttentionTile& tile, const AttentionSizes& z,
                                  View<S> slopes = {}) {
  using V = typename D::template Value<S>;
  const S factor = z.template scale<S>() / static_cast<S>(z.cap);
  for (Index i = 0; i < scores.rows(); ++i) {
    const Index from = tile.from(i), keys = tile.to(i) - from;
    S* x = scores.row(i) + from;
    Row<S, V>{}.each(keys, [&](auto c) {
      const V t = math::tanh(c.load(x) * V(factor));
      c.store(x, t);
      if (slopes.data) c.store(slopes.row(i) + from, V(S(1)) - t * t);
    });
  }
}

/// Multiplies what query i reads by the slopes of the cap.
template <class D, Scalar S> void times_slopes(View<S> weights, View<S> slopes, const AttentionTile& tile, Index i) {
  S *x = weights.row(i) + tile.from(i), *slope = slopes.row(i) + tile.from(i);
  Row<S, typename D::template Value<S>>{}.each(tile.to(i) - tile.from(i),
                                               [&](auto c) { c.store(x, c.load(x) * c.load(slope)); });
}

/// Zeroes what query i of the tile does not read.
template <class T> void mask_row(T* row, const AttentionTile& tile, Index i) {
  std::fill(row, row + tile.from(i), T());
  std::fill(row + tile.to(i), row + tile.keys(), T());
}

/// Scratch memory for as many elements of T as x has; x itself if its type is T.
template <class T, Scratch purpose, Scalar S> View<T> stored_as(View<S> x) {
  if constexpr (std::is_same_v<T, S>)
    return x;
  else
    return {scratch<T, purpose>(attention_tile * x.stride), x.shape, x.stride};
}

/// P = softmax(scale scores) for the queries of a tile; entries right of the diagonal and before the window are zero.
/// Divides by the sum instead of subtracting lse, because a large lse has a large rounding error.
template <class D, Scalar S, class T>
void attention_softmax(View<S> scores, View<T> p, const AttentionTile& tile, S scale, S* lse) {
  using V = typename D::template Value<S>;
  const Row<S, V> row;
  for (Index i = 0; i < scores.rows(); ++i) {
    const Index from = tile.from(i), keys = tile.to(i) - from;
    S* x = scores.row(i) + from;
    const S top = scale * row.max(keys, [&](auto c) { return c.load(x); });
    const S total = row.sum(keys, [&](auto c) {
      const V e = math::exp(c.load(x) * V(scale) - V(top));
      c.store(x, e);
      return e;
    });
    lse[tile.first + i] = top + std::log(total);
    row.each(keys, [&](auto c) { c.store(p.row(i) + from, c.load(x) * V(S(1) / total)); });
    mask_row(p.row(i), tile, i);
  }
}

/// P recomputed from lse: in S in place of the scores, and in T.
template <class D, Scalar S, class T>
void attention_softmax_again(View<S> scores, View<T> p, const AttentionTile& tile, S scale, const S* lse) {
  using V = typename D::template Value<S>;
  for (Index i = 0; i < scores.rows(); ++i) {
    const Index from = tile.from(i), keys = tile.to(i) - from;
    S* x = scores.row(i) + from;
    Row<S, V>{}.each(keys, [&](auto c) {
      const V e = math::exp(c.load(x) * V(scale) - V(lse[tile.first + i]));
      c.store(x, e);
      if constexpr (!std::is_same_v<T, S>) c.store(p.row(i) + from, e);
    });
    mask_row(scores.row(i), tile, i);
    if constexpr (!std::is_same_v<T, S>) mask_row(p.row(i), tile, i);
  }
}

}}}  // namespace neutra::NEUTRA_ABI::cpu
