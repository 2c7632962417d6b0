/// The micro-kernel of all products: one tile of c is held in registers while k runs over one block.
#pragma once

#include "neutra/backend/cpu/bf16_unit.hpp"

#include <array>
#include <type_traits>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

namespace detail {

/// The sums of one row, in the order of sum_block. With one row every word of b is used once, so memory sets the pace:
/// what counts is how far ahead b is asked for, and how few instructions stand between two of its words.
template <class E, int V, Scalar S> inline void sum_row(const TileTask<S>& t, xsimd::batch<S> (&sum)[V]) {
  using Word [[gnu::may_alias, gnu::aligned(alignof(bf16))]] = S;
  // Bytes: 1 KiB reached 0.88 of the speed in bf16. Hardware prefetchers stop at the end of a page.
  constexpr Index ahead = 4096 / Index{sizeof(S)}, step_words = E::panel_vectors * Tile<S>::lanes;
  const char* a = reinterpret_cast<const char*>(t.a);
  const Index step = t.a_step * Index{sizeof(S)};
  const S* b = t.b;
#pragma GCC unroll 4
  for (Index k = t.depth; k > 0; --k) {
    xsimd::batch<S> right[V];
    E::load(b, right);
    __builtin_prefetch(b + ahead);
    if constexpr (V == 2 && E::panel_vectors == 2) __builtin_prefetch(b + ahead + Tile<S>::lanes);
    const xsimd::batch<S> left(*reinterpret_cast<const Word*>(a));
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) E::multiply_add(sum[v], left, right[v]);
    a += step;
    b += step_words;
  }
}

/// The sums of R rows by V vectors over one block of k. Each is a chain of multiply_add from zero in the order of k; in
/// AMX tile registers, of 16 words at a time.
template <class E, int R, int V, Scalar S> inline void sum_block(const TileTask<S>& t, xsimd::batch<S> (&sum)[R][V]) {
#if defined(NEUTRA_AMX)
  if constexpr (std::is_same_v<E, Bf16>) {
    if (t.a_step == 1 && bf16_unit() == Bf16Unit::tile_registers) return sum_in_tiles(t, sum);
  }
#endif
  if constexpr (R == 1) return sum_row<E>(t, sum[0]);
  using Vector = xsimd::batch<S>;
  using Word [[gnu::may_alias, gnu::aligned(alignof(bf16))]] = S;  // a number or a pair of halves
  constexpr int half = (R + 1) / 2;
  constexpr Index step_words = E::panel_vectors * Tile<S>::lanes;
  const char* low = reinterpret_cast<const char*>(t.a);
  Index stride = t.a_row * Index{sizeof(S)}, stride3 = 3 * stride, stride5 = 5 * stride;
  const char* high = low + half * stride;
  const Index step = t.a_step * Index{sizeof(S)};
  const S* b = t.b;
  const char* prefetch = t.prefetch;
  for (Index k = t.depth; k > 0; --k) {
    // Two base pointers and three strides address 14 rows.
    // Unless they are opaque, the compiler keeps 14 pointers and spills them.
    asm("" : "+r"(low), "+r"(high), "+r"(stride), "+r"(stride3), "+r"(stride5));
    const Index offset[7] = {0, stride, 2 * stride, stride3, 4 * stride, stride5, 2 * stride3};
    Vector right[V];
    E::load(b, right);
    __builtin_prefetch(b + 16 * step_words);
    if constexpr (V == 2 && E::panel_vectors == 2) __builtin_prefetch(b + 16 * step_words + Tile<S>::lanes);
    __builtin_prefetch(prefetch, 0, 2);
#pragma GCC unroll 14
    for (int r = 0; r < R; ++r) {
      const Vector left(*reinterpret_cast<const Word*>((r < half ? low : high) + offset[r < half ? r : r - half]));
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) E::multiply_add(sum[r][v], left, right[v]);
    }
    low += step;
    high += step;
    b += step_words;
    prefetch += t.prefetch_step;
  }
}

/// Prefetches the rows of c that a tile will write. Forced inline: g++ considers a function that only prefetches free
/// of side effects, and drops calls to it.
template <int R, Scalar S> [[gnu::always_inline]] inline void prefetch_result(const TileTask<S>& t) {
  if (t.c.column != 1) return;
  const auto number = static_cast<Index>(size_of(t.c.dtype));
  const char* c = static_cast<const char*>(t.c.data);
  for (int r = 0; r < R; ++r) {
    __builtin_prefetch(c + r * t.c.row * number, 1);
    __builtin_prefetch(c + (r * t.c.row + t.columns - 1) * number, 1);
  }
}

template <class T, int R, int V> void store_rounded(T* c, Index c_row, const xsimd::batch<float> (&sum)[R][V]) {
#pragma GCC unroll 14
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) Batch<xsimd::batch<float>>::store(c + r * c_row + v * Tile<float>::lanes, sum[r][v]);
  }
}

template <class E, int R, int V, Scalar S> void multiply_tile(const TileTask<S>& t) {
  using Vector = xsimd::batch<S>;
  constexpr int lanes = Tile<S>::lanes;
  prefetch_result<R>(t);
  Vector sum[R][V];
#pragma GCC unroll 14
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sum[r][v] = Vector(S(0));
  }
  sum_block<E, R, V>(t, sum);
  // By name, because through with_dtype or a fold over types g++ 12 keeps the sums in memory, at 0.4 of the speed.
  const bool whole = t.columns == V * lanes && t.c.column == 1 && (!t.addend.data || t.addend.column == 1),
             direct = whole && t.c.dtype == dtype_of<S>;
  if constexpr (std::is_same_v<S, float>) {
    if (whole && t.c.dtype == DType::bf16 && !t.add && !t.addend.data)
      return store_rounded(static_cast<bf16*>(t.c.data), t.c.row, sum);
  }
  alignas(64) S kept[R][V * lanes];
  S* to = direct ? static_cast<S*>(t.c.data) : kept[0];
  const Index to_row = direct ? t.c.row : V * lanes;
  const auto plus = [&](const S* first, Index row) {
#pragma GCC unroll 14
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[r][v] = Vector::load_unaligned(first + r * row + v * lanes) + sum[r][v];
    }
  };
  if (direct && t.add) plus(static_cast<S*>(t.c.data), t.c.row);
  if (direct && t.addend.data) plus(static_cast<const S*>(t.addend.data), t.addend.row);
#pragma GCC unroll 14
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sum[r][v].store_unaligned(to + r * to_row + v * lanes);
  }
  if (direct) return;
  if constexpr (std::is_same_v<S, float>) {
    if (t.c.dtype == DType::bf16) return finish_tile<bf16>(t, kept[0], R, V * lanes);
  }
  finish_tile<S>(t, kept[0], R, V * lanes);
}

template <class E, int V, int... R> constexpr auto tiles_of(std::integer_sequence<int, R...>) {
  using S = typename E::Number;
  return std::array<void (*)(const TileTask<S>&), sizeof...(R)>{&multiply_tile<E, R + 1, V, S>...};
}

}  // namespace detail

/// Computes one tile of `rows` rows (1 .. Tile<S>::rows) and 1 .. Tile<S>::width columns.
/// An element depends only on its row of a, its column of b, depth, and the values in c and addend; not on `rows`,
/// `columns` or its place in the tile.
template <class E> void multiply_tile(int rows, const TileTask<typename E::Number>& task) {
  using S = typename E::Number;
  using Counts = std::make_integer_sequence<int, Tile<S>::rows>;
  static constexpr auto wide = detail::tiles_of<E, 2>(Counts{});
  NEUTRA_ASSERT(rows >= 1 && rows <= Tile<S>::rows && task.columns >= 1 && task.columns <= Tile<S>::width);
  if constexpr (E::panel_vectors == 2) {
    static constexpr auto narrow = detail::tiles_of<E, 1>(Counts{});
    if (task.columns <= Tile<S>::lanes) return narrow[static_cast<std::size_t>(rows - 1)](task);
  }
  wide[static_cast<std::size_t>(rows - 1)](task);
}

}}}  // namespace neutra::NEUTRA_ABI::cpu
