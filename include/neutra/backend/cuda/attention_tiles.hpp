/// What the kernels of attention share: sizes, masks, the softmax's numbers, and products of tiles through shared
/// memory.
///
/// A block works on a tile of 64 queries (or keys) and goes over tiles of keys (or queries). Scores exist for one pair
/// of tiles at a time. Unit: Cores or TensorCores.
#pragma once

#include "neutra/backend/backend.hpp"
#include "neutra/backend/cuda/attention_units.hpp"
#include "neutra/backend/cuda/loops.hpp"
#include "neutra/core/math.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

/// AttentionSizes for the device.
template <Scalar S> struct Heads {
  int sequences, length, heads, kv_heads, width, window, past, keys;
  S scale, cap;  // cap: 0, or that of the scores

  Heads() = default;
  explicit Heads(const AttentionSizes& z)
      : sequences(static_cast<int>(z.sequences)),
        length(static_cast<int>(z.length)),
        heads(static_cast<int>(z.heads)),
        kv_heads(static_cast<int>(z.kv_heads)),
        width(static_cast<int>(z.width)),
        window(static_cast<int>(std::min<Index>(z.window, z.keys()))),
        past(static_cast<int>(z.past)),
        keys(static_cast<int>(z.keys())),
        scale(z.scale<S>()),
        cap(static_cast<S>(z.cap)) {
    require(z.keys() < Index{1} << 30, "cuda: attention over ", z.keys(), " tokens; at most 2^30 - 1");
  }

  NEUTRA_HD int group() const { return heads / kv_heads; }
  NEUTRA_HD int first_key(int query) const {
    const int first = past + query + 1 - window;
    return window > 0 && first > 0 ? first : 0;
  }
  NEUTRA_HD int end_key(int query) const { return past + query + 1; }
  /// The queries that read any of the keys first .. end - 1.
  NEUTRA_HD int first_query(int key) const { return key > past ? key - past : 0; }
  NEUTRA_HD int end_query(int end) const {
    const int last = end - 1 + window - past;
    return window > 0 && last < length ? last : length;
  }
  NEUTRA_HD bool reads(int query, int key) const {
    return query < length && key < keys && key >= first_key(query) && key < end_key(query);
  }
  /// The factor by which the derivative of what the softmax reads differs from scale: 1 - tanh^2 under a cap.
  NEUTRA_HD S slope(S logit) const {
    const S t = cap > S(0) ? logit / cap : S(0);
    return S(1) - t * t;
  }
  /// log of the denominator of a query's softmax, or the mean of its slopes, by head.
  NEUTRA_HD Index place(int sequence, int head, int query) const {
    return (Index{sequence} * heads + head) * length + query;
  }
};

/// Head `head` of a sequence: columns of a (B*T, heads*W) matrix. rows: of the sequence.
template <class Unit> NEUTRA_HD Part head_part(Numbers x, int sequence, int head, int rows, int width) {
  const Index column = Index{head} * width;
  if (x.halved)
    x.data = static_cast<const bf16*>(x.data) + column;
  else
    x.data = static_cast<const typename Unit::Number*>(x.data) + column;
  return {x, Index{sequence} * rows, rows, width};
}
/// The rows from `first` on.
NEUTRA_HD inline Part from(Part x, int first) {
  x.first += first;
  x.rows -= first;
  return x;
}

/// A destination in S or bf16.
template <Scalar S> struct Written {
  void* data = nullptr;
  Index stride = 0;
  bool halved = false, add = false;

  Written() = default;
  explicit Written(const Result<S>& x)
      : data(x.view.data), stride(x.view.stride), halved(x.view.dtype != dtype_of<S>), add(x.add) {}
  NEUTRA_HD explicit operator bool() const { return data != nullptr; }
  NEUTRA_HD void write(Index row, Index col, S value) const {
    const Index at = row * stride + col;
    if (halved) {
      bf16& to = static_cast<bf16*>(data)[at];
      to = converted<bf16>(add ? converted<S>(to) + value : value);
    } else {
      S& to = static_cast<S*>(data)[at];
      to = add ? to + value : value;
    }
  }
};

/// The words of shared memory that chunks of operands need, and those of a tile of weights.
template <class Unit, int Cols>
inline constexpr int chunk_words = std::max((Unit::rows + Unit::cols) * Unit::along_stride,
                                            Unit::across / Unit::numbers * Unit::template step_stride<Cols>);
template <class Unit> inline constexpr int tile_words = Unit::rows* Unit::tile_stride;

/// This thread's sums of a tile.
template <class Unit, int Cols> using Sums = typename Unit::Number[Unit::own_rows][Unit::template columns<Cols>];

template <class Unit, int N> NEUTRA_DEVICE void clear(typename Unit::Number (&sums)[Unit::own_rows][N]) {
  NEUTRA_UNROLL
  for (int i = 0; i < Unit::own_rows; ++i) {
    NEUTRA_UNROLL
    for (int j = 0; j < N; ++j) sums[i][j] = 0;
  }
}

/// What the softmax reads of products of q and k. The cap is apart from all else, so that few registers hold its tanh.
template <class Unit, int N>
NEUTRA_DEVICE void to_logits(typename Unit::Number (&x)[Unit::own_rows][N], const Heads<typename Unit::Number>& z) {
  const auto scale = z.cap > 0 ? z.scale / z.cap : z.scale;
  NEUTRA_UNROLL
  for (int i = 0; i < Unit::own_rows; ++i) {
    NEUTRA_UNROLL
    for (int j = 0; j < N; ++j) x[i][j] *= scale;
  }
  if (!(z.cap > 0)) return;
  NEUTRA_UNROLL
  for (int i = 0; i < Unit::own_rows; ++i) {
    NEUTRA_UNROLL
    for (int j = 0; j < N; ++j) x[i][j] = z.cap * math::tanh(x[i][j]);
  }
}

/// sums = a b^T of the first rows of a and the first cols of b
template <class Unit, int N, class Chunk>
NEUTRA_DEVICE void products_of_rows(typename Unit::Number (&sums)[Unit::own_rows][N], const Part& a, const Part& b,
                                    Chunk chunk) {
  clear<Unit>(sums);
  for (int col = 0; col < a.width; col += Unit::depth) {
    barrier();
    Unit::load_along(a, Unit::rows, col, chunk);
    Unit::load_along(b, Unit::cols, col, chunk + Unit::rows * Unit::along_stride);
    barrier();
    Unit::template multiply<true>(sums, chunk, Unit::along_stride, chunk + Unit::rows * Unit::along_stride,
                                  Unit::along_stride, Unit::depth / Unit::numbers);
  }
}

/// sums += weights x for columns first_col .. first_col + Cols - 1 of x, where `tile` holds the weights, (rows, cols)
template <class Unit, int Cols, class Tile, class Chunk>
NEUTRA_DEVICE void add_weighted(Sums<Unit, Cols>& sums, Tile tile, const Part& x, int first_col, Chunk chunk) {
  for (int from = 0; from < Unit::cols; from += Unit::across) {
    barrier();
    Unit::template load_across<Cols>(x, from, first_col, chunk);
    barrier();
    Unit::template multiply<false>(sums, tile + from / Unit::numbers, Unit::tile_stride, chunk,
                                   Unit::template step_stride<Cols>, Unit::across / Unit::numbers);
  }
}

/// Writes columns first_col .. of a tile.
template <class Unit, int Cols>
NEUTRA_DEVICE void write_tile(const Sums<Unit, Cols>& sums, const Written<typename Unit::Number>& to, Index first_row,
                              int rows, Index head_col, int first_col, int width) {
  NEUTRA_UNROLL
  for (int i = 0; i < Unit::own_rows; ++i) {
    const int row = Unit::row(i);
    if (row >= rows) continue;
    NEUTRA_UNROLL
    for (int j = 0; j < Unit::template columns<Cols>; ++j) {
      const int col = first_col + Unit::col(j);
      if (col < width) to.write(first_row + row, head_col + col, sums[i][j]);
    }
  }
}

/// Which tile, head and part of the columns a block has. Tiles come last first: they are the longest under a causal
/// mask.
struct Task {
  int part, head, sequence, tile;
  NEUTRA_DEVICE Task(int parts, int heads, int sequences) {
    int left = block();
    part = left % parts, left /= parts;
    head = left % heads, left /= heads;
    sequence = left % sequences;
    tile = blocks() / (parts * heads * sequences) - 1 - left / sequences;
  }
};

}}}  // namespace neutra::NEUTRA_ABI::gpu
