/// The innermost loop of all products: one tile of c, held in registers while k runs over one block of the sum.
#pragma once

#include "neutra/backend/cpu/element.hpp"

#include <array>
#include <utility>

namespace neutra::inline NEUTRA_ABI::cpu {

/// The shape of a register tile: rows x (vectors of `lanes` numbers), and how many steps of k one block of a sum has at most.
/// 32 registers hold 14 x 2 sums, two vectors of b and two broadcasts of a; 16 hold 6 x 2 with fused multiply-add, 4 x 2 where the product needs
/// a register of its own. A tile's rows of a (14 x 2 KiB) stay in the first-level cache while panels of b stream past.
template <Scalar S> struct Tile {
#if defined(__AVX512F__) || defined(__aarch64__)
  static constexpr int rows = 14;
#elif defined(__FMA__)
  static constexpr int rows = 6;
#else
  static constexpr int rows = 4;
#endif
  static constexpr int vectors = 2;
  static constexpr int lanes = static_cast<int>(xsimd::batch<S>::size);
  static constexpr int width = vectors * lanes;
  static constexpr Index depth = 2048 / sizeof(S);
};

/// What one tile reads and writes. Strides are in elements; a and b are words (see element.hpp), as many as the block has steps.
template <Scalar S> struct TileTask {
  Index depth;  // steps of k
  const S* a;   // element (i, k) at a[i * a_row + k * a_step]
  Index a_row, a_step;
  const S* b;  // element (k, j) at b[k * width + j]
  S* c;        // element (i, j) at c[i * c_row + j * c_column]
  Index c_row, c_column;
  const S* addend = nullptr;  // laid out as c; none where null
  Index addend_row = 0, addend_column = 0;
  bool add = false;         // c += rather than c =
  int columns = 0;          // of the tile's width, how many exist in c
  const S* soon = nullptr;  // prefetched at soon + k * soon_step: what the next tile will read
  Index soon_step = 0;
};

namespace detail {

/// The sums of R rows by V vectors over one block of k, each a chain of multiply_add from zero in the order of k.
template <class E, int R, int V, Scalar S> inline void sum_block(const TileTask<S>& t, xsimd::batch<S> (&sum)[R][V]) {
  using Vector = xsimd::batch<S>;
  constexpr int half = (R + 1) / 2;
  const char* low = reinterpret_cast<const char*>(t.a);
  Index stride = t.a_row * Index{sizeof(S)}, stride3 = 3 * stride, stride5 = 5 * stride;
  const char* high = low + half * stride;
  const Index step = t.a_step * Index{sizeof(S)};
  const S* b = t.b;
  const S* soon = t.soon;
  for (Index k = t.depth; k > 0; --k) {
    // Two bases and three strides reach 14 rows by addressing modes alone; unless they are opaque the compiler keeps 14 pointers and spills them.
    asm("" : "+r"(low), "+r"(high), "+r"(stride), "+r"(stride3), "+r"(stride5));
    const Index offset[7] = {0, stride, 2 * stride, stride3, 4 * stride, stride5, 2 * stride3};
    Vector right[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      right[v] = Vector::load_unaligned(b + v * Tile<S>::lanes);
      __builtin_prefetch(b + 16 * Tile<S>::width + v * Tile<S>::lanes);
    }
    __builtin_prefetch(soon, 0, 2);
#pragma GCC unroll 14
    for (int r = 0; r < R; ++r) {
      const Vector left(*reinterpret_cast<const S*>((r < half ? low : high) + offset[r < half ? r : r - half]));
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) E::multiply_add(sum[r][v], left, right[v]);
    }
    low += step;
    high += step;
    b += Tile<S>::width;
    soon += t.soon_step;
  }
}

/// Brings the sums of a tile into c where that is more than adding and writing whole vectors: at an edge, and across a transposed c.
/// One function for all kernels, since it is less than a hundredth of their work. sums: `rows` rows of `width`
template <Scalar S> [[gnu::noinline]] void finish_tile(const TileTask<S>& t, const S* sums, int rows, int width) {
  using Vector = xsimd::batch<S>;
  const bool along = t.c_column == 1 && (!t.addend || t.addend_column == 1);
  for (int r = 0; r < rows; ++r, sums += width) {
    S* c = t.c + r * t.c_row;
    const S* addend = t.addend ? t.addend + r * t.addend_row : nullptr;
    int j = 0;
    for (; along && j + Tile<S>::lanes <= t.columns; j += Tile<S>::lanes) {
      Vector x = Vector::load_unaligned(sums + j);
      if (t.add) x = Vector::load_unaligned(c + j) + x;
      if (addend) x = x + Vector::load_unaligned(addend + j);
      x.store_unaligned(c + j);
    }
    for (; j < t.columns; ++j) {
      S x = sums[j];
      if (t.add) x = c[j * t.c_column] + x;
      if (addend) x = x + addend[j * t.addend_column];
      c[j * t.c_column] = x;
    }
  }
}

template <class E, int R, int V, Scalar S> void multiply_tile(const TileTask<S>& t) {
  using Vector = xsimd::batch<S>;
  constexpr int lanes = Tile<S>::lanes;
  if (t.c_column == 1) {
    for (int r = 0; r < R; ++r) {
      __builtin_prefetch(t.c + r * t.c_row, 1);
      __builtin_prefetch(t.c + r * t.c_row + t.columns - 1, 1);
    }
  }
  Vector sum[R][V];
#pragma GCC unroll 14
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sum[r][v] = Vector(S(0));
  }
  sum_block<E, R, V>(t, sum);
  const bool direct = t.columns == V * lanes && t.c_column == 1;
  alignas(64) S kept[R][V * lanes];
  S* to = direct ? t.c : kept[0];
  const Index to_row = direct ? t.c_row : V * lanes;
  const auto plus = [&](const S* first, Index row) {
#pragma GCC unroll 14
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[r][v] = Vector::load_unaligned(first + r * row + v * lanes) + sum[r][v];
    }
  };
  if (direct && t.add) plus(t.c, t.c_row);
  if (direct && t.addend) plus(t.addend, t.addend_row);
#pragma GCC unroll 14
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sum[r][v].store_unaligned(to + r * to_row + v * lanes);
  }
  if (!direct) finish_tile<S>(t, kept[0], R, V * lanes);
}

template <class E, int V, int... R> constexpr auto tiles_of(std::integer_sequence<int, R...>) {
  using S = typename E::Number;
  return std::array<void (*)(const TileTask<S>&), sizeof...(R)>{&multiply_tile<E, R + 1, V, S>...};
}

}  // namespace detail

/// Computes one tile of `rows` rows, 1 .. Tile<S>::rows, and 1 .. Tile<S>::width columns.
/// An element's value depends on its row of a, its column of b, depth and what c and addend hold; not on rows, columns or its place in the tile.
template <class E> void multiply_tile(int rows, const TileTask<typename E::Number>& task) {
  using S = typename E::Number;
  using Counts = std::make_integer_sequence<int, Tile<S>::rows>;
  static constexpr auto narrow = detail::tiles_of<E, 1>(Counts{}), wide = detail::tiles_of<E, 2>(Counts{});
  NEUTRA_ASSERT(rows >= 1 && rows <= Tile<S>::rows && task.columns >= 1 && task.columns <= Tile<S>::width);
  (task.columns <= Tile<S>::lanes ? narrow : wide)[static_cast<std::size_t>(rows - 1)](task);
}

}  // namespace neutra::inline NEUTRA_ABI::cpu
