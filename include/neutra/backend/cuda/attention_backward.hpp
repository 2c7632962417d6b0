/// The gradients of attention, in three kernels that recompute P from lse:
///   mean = sum(P dP) of each query                    (dP = dO V^T)
///   dV = P^T dO and dK = dS^T Q, 64 keys a block      (dS = scale P (dP - mean))
///   dQ = dS K, 64 queries a block
/// A block adds up all that belongs to its rows: the query heads that share its keys one after another, and tiles in
/// ascending order. So nothing is added by two blocks, and the order is fixed. With a cap, dS is multiplied by
/// 1 - tanh^2.      Dao et al. 2022, arXiv 2205.14135
#pragma once

#include "neutra/backend/cuda/attention.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

/// What the three kernels read.
template <class Unit> struct Slopes {
  using S = typename Unit::Number;
  Heads<S> z;
  Numbers q, k, v, dout;
  const S* lse;
  S* mean;

  NEUTRA_DEVICE Part of_queries(const Numbers& x, int sequence, int head) const {
    return head_part<Unit>(x, sequence, head, z.length, z.width);
  }
  NEUTRA_DEVICE Part of_keys(const Numbers& x, int sequence, int head) const {
    return head_part<Unit>(x, sequence, head / z.group(), z.keys, z.width);
  }
  /// P of what the softmax read.
  NEUTRA_DEVICE S weight(S logit, int query, int key, S lse_of_query) const {
    return z.reads(query, key) ? math::exp(logit - lse_of_query) : S(0);
  }
};

template <class Unit> struct AttentionMeans {
  using S = typename Unit::Number;
  static constexpr const char* name = "attention_backward, the means";
  static constexpr int most_threads = attention_threads, least_blocks = 3;
  Slopes<Unit> in;

  NEUTRA_DEVICE void operator()() const {
    NEUTRA_SHARED(typename Unit::Word, chunk, (chunk_words<Unit, 64>));
    const Heads<S>& z = in.z;
    const Task task(1, z.heads, z.sequences);
    const int first = task.tile * Unit::rows;
    const Part queries = from(in.of_queries(in.q, task.sequence, task.head), first),
               slopes = from(in.of_queries(in.dout, task.sequence, task.head), first),
               keys = in.of_keys(in.k, task.sequence, task.head), values = in.of_keys(in.v, task.sequence, task.head);
    const int last = first + Unit::rows < z.length ? first + Unit::rows : z.length, end = z.end_key(last - 1);
    S lse[Unit::own_rows], mean[Unit::own_rows];
    NEUTRA_UNROLL
    for (int i = 0; i < Unit::own_rows; ++i) {
      const int query = first + Unit::row(i);
      lse[i] = query < z.length ? in.lse[z.place(task.sequence, task.head, query)] : S(0);
      mean[i] = 0;
    }
    for (int key = z.first_key(first); key < end; key += Unit::cols) {
      Sums<Unit, Unit::cols> scores, dp;
      products_of_rows<Unit>(scores, queries, from(keys, key), chunk);
      to_logits<Unit>(scores, z);
      products_of_rows<Unit>(dp, slopes, from(values, key), chunk);
      NEUTRA_UNROLL
      for (int i = 0; i < Unit::own_rows; ++i) {
        NEUTRA_UNROLL
        for (int j = 0; j < Unit::template columns<Unit::cols>; ++j) {
          mean[i] += in.weight(scores[i][j], first + Unit::row(i), key + Unit::col(j), lse[i]) * dp[i][j];
        }
      }
    }
    NEUTRA_UNROLL
    for (int i = 0; i < Unit::own_rows; ++i) {
      const S all = Unit::of_row(mean[i], Plus());
      const int query = first + Unit::row(i);
      if (query < z.length && Unit::col(0) == 0) in.mean[z.place(task.sequence, task.head, query)] = all;
    }
  }
};

template <class Unit, int Cols> struct AttentionQueries {
  using S = typename Unit::Number;
  static constexpr const char* name = "attention_backward, dQ";
  static constexpr int most_threads = attention_threads, least_blocks = 2;
  Slopes<Unit> in;
  Written<S> dq;
  int parts;

  NEUTRA_DEVICE void operator()() const {
    NEUTRA_SHARED(typename Unit::Word, chunk, (chunk_words<Unit, Cols>));
    NEUTRA_SHARED(typename Unit::Word, tile, tile_words<Unit>);
    const Heads<S>& z = in.z;
    const Task task(parts, z.heads, z.sequences);
    const int first = task.tile * Unit::rows, column = task.part * Cols;
    const Part queries = from(in.of_queries(in.q, task.sequence, task.head), first),
               slopes = from(in.of_queries(in.dout, task.sequence, task.head), first),
               keys = in.of_keys(in.k, task.sequence, task.head), values = in.of_keys(in.v, task.sequence, task.head);
    const int last = first + Unit::rows < z.length ? first + Unit::rows : z.length, end = z.end_key(last - 1);
    Sums<Unit, Cols> sums;
    clear<Unit>(sums);
    for (int key = z.first_key(first); key < end; key += Unit::cols) {
      Sums<Unit, Unit::cols> scores, dp;
      products_of_rows<Unit>(scores, queries, from(keys, key), chunk);
      to_logits<Unit>(scores, z);
      products_of_rows<Unit>(dp, slopes, from(values, key), chunk);
      NEUTRA_UNROLL
      for (int i = 0; i < Unit::own_rows; ++i) {
        const int query = first + Unit::row(i);
        const Index place = z.place(task.sequence, task.head, query < z.length ? query : 0);
        const S lse = in.lse[place], mean = in.mean[place];
        NEUTRA_UNROLL
        for (int j = 0; j < Unit::template columns<Unit::cols>; ++j) {
          const S slope = z.scale * z.slope(scores[i][j]) * (dp[i][j] - mean);
          scores[i][j] = in.weight(scores[i][j], query, key + Unit::col(j), lse) * slope;
        }
      }
      Unit::put(scores, tile);
      add_weighted<Unit, Cols>(sums, tile, from(keys, key), column, chunk);
    }
    write_tile<Unit, Cols>(sums, dq, Index{task.sequence} * z.length + first, z.length - first,
                           Index{task.head} * z.width, column, z.width);
  }
};

template <class Unit, int Cols> struct AttentionKeys {
  using S = typename Unit::Number;
  static constexpr const char* name = "attention_backward, dK and dV";
  static constexpr int most_threads = attention_threads, least_blocks = 2;
  Slopes<Unit> in;
  Written<S> dk, dv;
  int parts;

  NEUTRA_DEVICE void operator()() const {
    NEUTRA_SHARED(typename Unit::Word, chunk, (chunk_words<Unit, Cols>));
    NEUTRA_SHARED(typename Unit::Word, tile, tile_words<Unit>);
    const Heads<S>& z = in.z;
    const Task task(parts, z.kv_heads, z.sequences);
    const int first = task.tile * Unit::rows, column = task.part * Cols, rows = z.keys - first;
    Sums<Unit, Cols> dk_sums, dv_sums;
    clear<Unit>(dk_sums);
    clear<Unit>(dv_sums);
    const int end = z.end_query(rows < Unit::rows ? z.keys : first + Unit::rows);
    for (int head = task.head * z.group(); head < (task.head + 1) * z.group(); ++head)
      for (int query = z.first_query(first); query < end; query += Unit::cols)
        add_queries(task.sequence, head, first, query, column, dk_sums, dv_sums, chunk, tile);
    // In this order: both may be one array, which the first overwrites and the second adds to.
    const Index row = Index{task.sequence} * z.keys + first, head_col = Index{task.head} * z.width;
    if (dv) write_tile<Unit, Cols>(dv_sums, dv, row, rows, head_col, column, z.width);
    if (dk) write_tile<Unit, Cols>(dk_sums, dk, row, rows, head_col, column, z.width);
  }

 private:
  /// Of a query; of the first for those beyond the last, whose weights are 0.
  NEUTRA_DEVICE Index place(int sequence, int head, int query) const {
    return in.z.place(sequence, head, query < in.z.length ? query : 0);
  }
  /// The share of the queries from `query` on of one head. Rows of the tiles are keys, columns are queries.
  template <class Chunk, class Tile>
  NEUTRA_DEVICE void add_queries(int sequence, int head, int first, int query, int column, Sums<Unit, Cols>& dk_sums,
                                 Sums<Unit, Cols>& dv_sums, Chunk chunk, Tile tile) const {
    const Heads<S>& z = in.z;
    const Part queries = from(in.of_queries(in.q, sequence, head), query),
               slopes = from(in.of_queries(in.dout, sequence, head), query),
               keys = from(in.of_keys(in.k, sequence, head), first),
               values = from(in.of_keys(in.v, sequence, head), first);
    Sums<Unit, Unit::cols> p, ds;  // p: times the slope of the cap and scale, once dV has it
    products_of_rows<Unit>(p, keys, queries, chunk);
    to_logits<Unit>(p, z);
    NEUTRA_UNROLL
    for (int j = 0; j < Unit::template columns<Unit::cols>; ++j) {
      const S lse = in.lse[place(sequence, head, query + Unit::col(j))];
      NEUTRA_UNROLL
      for (int i = 0; i < Unit::own_rows; ++i) {
        ds[i][j] = in.weight(p[i][j], query + Unit::col(j), first + Unit::row(i), lse);
        p[i][j] = ds[i][j] * z.slope(p[i][j]) * z.scale;
      }
    }
    Unit::put(ds, tile);
    add_weighted<Unit, Cols>(dv_sums, tile, slopes, column, chunk);
    products_of_rows<Unit>(ds, values, slopes, chunk);
    NEUTRA_UNROLL
    for (int j = 0; j < Unit::template columns<Unit::cols>; ++j) {
      const S mean = in.mean[place(sequence, head, query + Unit::col(j))];
      NEUTRA_UNROLL
      for (int i = 0; i < Unit::own_rows; ++i) ds[i][j] = p[i][j] * (ds[i][j] - mean);
    }
    Unit::put(ds, tile);
    add_weighted<Unit, Cols>(dk_sums, tile, queries, column, chunk);
  }
};

/// The gradients of attention_forward; those that are absent are not computed. In the order dV, dK, dQ: if two of them
/// are the same array, the first overwrites all of it and the others add.
template <Scalar S>
void attention_backward(const AttentionSizes& z, const Operand<S>& q, const Operand<S>& k, const Operand<S>& v,
                        const Operand<S>& dout, const S* lse, const Result<S>& dq, const Result<S>& dk,
                        const Result<S>& dv) {
  detail::check_attention(z, q, k, v);
  require(dout.precision == q.precision, "cuda: attention: the gradient and q must be rounded alike, got ",
          dout.precision, " and ", q.precision);
  const Written<S> queries(dq), keys(dk), values(dv);
  if (!queries && !keys && !values) return;
  detail::with_unit<S>(q.precision, z.width, [&]<class Unit, int Cols>() {
    const auto numbers = [&](const Operand<S>& x) { return detail::by_head(detail::numbers_of(x), z.width); };
    const Slopes<Unit> in{Heads<S>(z),
                          numbers(q),
                          numbers(k),
                          numbers(v),
                          numbers(dout),
                          lse,
                          buffer<S>(Buffer::means, z.sequences * z.heads * z.length)};
    const Index parts = parts_of(z.width, Cols), query_tiles = parts_of(z.length, Unit::rows),
                key_tiles = parts_of(z.keys(), Unit::rows);
    launch(Grid{z.heads * z.sequences * query_tiles, attention_threads}, AttentionMeans<Unit>{in});
    if (keys || values)
      launch(Grid{parts * z.kv_heads * z.sequences * key_tiles, attention_threads},
             AttentionKeys<Unit, Cols>{in, keys, values, static_cast<int>(parts)});
    if (queries)
      launch(Grid{parts * z.heads * z.sequences * query_tiles, attention_threads},
             AttentionQueries<Unit, Cols>{in, queries, static_cast<int>(parts)});
  });
}

}}}  // namespace neutra::NEUTRA_ABI::gpu
