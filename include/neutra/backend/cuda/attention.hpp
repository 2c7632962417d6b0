/// Causal grouped-query attention, 64 queries a block: no scores but those of one tile are ever in memory.
///   P = softmax(scale Q K^T + mask)      O = P V      lse = log of the softmax's denominator
/// The maximum and the denominator of a row are updated tile by tile.
/// Dao et al. 2022, arXiv 2205.14135; Milakov & Gimelshein 2018, arXiv 1805.02867; see cpu/attention.hpp
#pragma once

#include "neutra/backend/cuda/attention_tiles.hpp"

#include <limits>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

template <class Unit, int Cols> struct AttentionForward {
  using S = typename Unit::Number;
  static constexpr const char* name = "attention_forward";
  static constexpr int most_threads = attention_threads, least_blocks = Cols <= 64 ? 3 : 2;
  Heads<S> z;
  Numbers q, k, v;
  Written<S> out;
  S* lse;
  int parts;

  NEUTRA_DEVICE void operator()() const {
    NEUTRA_SHARED(typename Unit::Word, chunk, (chunk_words<Unit, Cols>));
    NEUTRA_SHARED(typename Unit::Word, tile, tile_words<Unit>);
    const Task task(parts, z.heads, z.sequences);
    const int first = task.tile * Unit::rows, shared = task.head / z.group(), column = task.part * Cols;
    const Part queries = from(head_part<Unit>(q, task.sequence, task.head, z.length, z.width), first),
               keys = head_part<Unit>(k, task.sequence, shared, z.keys, z.width),
               values = head_part<Unit>(v, task.sequence, shared, z.keys, z.width);
    const int last = first + Unit::rows < z.length ? first + Unit::rows : z.length, end = z.end_key(last - 1);
    Sums<Unit, Cols> sums;
    clear<Unit>(sums);
    S top[Unit::own_rows], total[Unit::own_rows];
    NEUTRA_UNROLL
    for (int i = 0; i < Unit::own_rows; ++i) {
      top[i] = -std::numeric_limits<S>::infinity();
      total[i] = 0;
    }
    for (int key = z.first_key(first); key < end; key += Unit::cols) {
      Sums<Unit, Unit::cols> weights;
      products_of_rows<Unit>(weights, queries, from(keys, key), chunk);
      to_logits<Unit>(weights, z);
      NEUTRA_UNROLL
      for (int i = 0; i < Unit::own_rows; ++i) {
        const S shrink = soften(weights[i], first + Unit::row(i), key, top[i], total[i]);
        NEUTRA_UNROLL
        for (int j = 0; j < Unit::template columns<Cols>; ++j) sums[i][j] *= shrink;
      }
      Unit::put(weights, tile);
      add_weighted<Unit, Cols>(sums, tile, from(values, key), column, chunk);
    }
    NEUTRA_UNROLL
    for (int i = 0; i < Unit::own_rows; ++i) {
      const S all = Unit::of_row(total[i], Plus());
      const int query = first + Unit::row(i);
      NEUTRA_UNROLL
      for (int j = 0; j < Unit::template columns<Cols>; ++j) sums[i][j] *= S(1) / all;
      if (query < z.length && task.part == 0 && Unit::col(0) == 0)
        lse[z.place(task.sequence, task.head, query)] = top[i] + math::log(all);
    }
    write_tile<Unit, Cols>(sums, out, Index{task.sequence} * z.length + first, z.length - first,
                           Index{task.head} * z.width, column, z.width);
  }

 private:
  /// One row of scores becomes exp(score - top), and their sum is added to `total` (of this thread's columns). Returns
  /// the factor by which earlier sums shrink because `top` has grown.
  template <int N> NEUTRA_DEVICE S soften(S (&scores)[N], int query, int first_key, S& top, S& total) const {
    constexpr S none = -std::numeric_limits<S>::infinity();
    S now = none;
    NEUTRA_UNROLL
    for (int j = 0; j < N; ++j) {
      scores[j] = z.reads(query, first_key + Unit::col(j)) ? scores[j] : none;
      now = Larger()(now, scores[j]);
    }
    now = Larger()(top, Unit::of_row(now, Larger()));
    const S shift = now == none ? S(0) : now, shrink = math::exp(top - shift);
    S sum = 0;
    NEUTRA_UNROLL
    for (int j = 0; j < N; ++j) {
      scores[j] = math::exp(scores[j] - shift);
      sum += scores[j];
    }
    top = now;
    total = total * shrink + sum;
    return shrink;
  }
};

namespace detail {

template <Scalar S> Numbers numbers_of(const Operand<S>& x) {
  const bool halved = x.view.dtype != dtype_of<S>;
  const bool paired = halved && reinterpret_cast<std::uintptr_t>(x.view.data) % 4 == 0 && x.view.stride % 2 == 0;
  return {x.view.data, x.view.stride, halved, paired};
}
/// A head begins at an even column where its width is even.
inline Numbers by_head(Numbers x, Index width) {
  x.paired = x.paired && width % 2 == 0;
  return x;
}

/// Calls f.template operator()<Unit, Cols>() for the unit that multiplies `precision`, and as many columns of a head as
/// a block works on at a time.
template <Scalar S, class F> void with_unit(DType precision, Index width, const F& f) {
  if constexpr (std::is_same_v<S, double>) {
    f.template operator()<Cores<double>, 32>();
  } else if (precision == DType::bf16) {
    if (width <= 64)
      f.template operator()<TensorCores, 64>();
    else
      f.template operator()<TensorCores, 128>();
  } else if (width <= 64) {
    f.template operator()<Cores<float>, 64>();
  } else {
    f.template operator()<Cores<float>, 128>();
  }
}

template <Scalar S>
void check_attention(const AttentionSizes& z, const Operand<S>& q, const Operand<S>& k, const Operand<S>& v) {
  require(k.precision == q.precision && v.precision == q.precision,
          "cuda: attention: q, k and v must be rounded alike, got ", q.precision, ", ", k.precision, " and ",
          v.precision);
  require(q.view.rows() == z.sequences * z.length && k.view.rows() == z.sequences * z.keys() &&
              v.view.rows() == k.view.rows(),
          "cuda: attention: for ", z.sequences, " sequences of ", z.length, " queries and ", z.keys(),
          " keys, got q of ", q.view.shape, ", k of ", k.view.shape, " and v of ", v.view.shape);
}

}  // namespace detail

/// q, out: (B*T, H*W)   k, v: (B*(past+T), K*W)   lse: (B, H, T)
template <Scalar S>
void attention_forward(const AttentionSizes& z, const Operand<S>& q, const Operand<S>& k, const Operand<S>& v,
                       const Result<S>& out, S* lse) {
  detail::check_attention(z, q, k, v);
  detail::with_unit<S>(q.precision, z.width, [&]<class Unit, int Cols>() {
    const Index parts = parts_of(z.width, Cols), tiles = parts_of(z.length, Unit::rows);
    const auto numbers = [&](const Operand<S>& x) { return detail::by_head(detail::numbers_of(x), z.width); };
    launch(Grid{parts * z.heads * z.sequences * tiles, attention_threads},
           AttentionForward<Unit, Cols>{Heads<S>(z), numbers(q), numbers(k), numbers(v), Written<S>(out), lse,
                                        static_cast<int>(parts)});
  });
}

}}}  // namespace neutra::NEUTRA_ABI::gpu
