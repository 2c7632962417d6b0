/// The panel layout: the right operand in the order in which the micro-kernel reads it.
#pragma once

#include "neutra/backend/backend.hpp"
#include "neutra/backend/cpu/micro_kernel.hpp"
#include "neutra/backend/cpu/threads.hpp"

#include <cstring>
#include <type_traits>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu { namespace detail {

/// Calls f with a view of the operand's elements: of a rounded type only if E multiplies that type.
template <class E, Scalar S, class F> auto read(const Operand<S>& x, const F& f) {
  if constexpr (E::rounds)
    return x.view.visit(f);
  else
    return f(x.view.template as<S>());
}

/// The number of words, and so of micro-kernel steps, of a sum over K numbers.
template <class E> Index word_count(Index numbers) { return (numbers + E::numbers - 1) / E::numbers; }

/// Cuts the steps of a sum into nearly equal blocks of at most Tile::depth. Depends only on the number of steps,
/// because an element's bits do too.
template <Scalar S> struct Blocks {
  Index steps;
  Index count = (steps + Tile<S>::depth - 1) / Tile<S>::depth;

  Index begin(Index block) const { return steps * block / count; }
};

/// L vectors of L numbers, transposed in log2(L) rounds of L/2 exchanges of halves, quarters, ...
template <Scalar S, int L> struct Square {
  using Vector [[gnu::vector_size(L * sizeof(S))]] = S;
  Vector row[L];

  template <int Half> void exchange() {
    if constexpr (Half > 0) {
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i) {
        if ((i & Half) == 0) swap_halves<Half>(row[i], row[i + Half], std::make_integer_sequence<int, L>{});
      }
      exchange<Half / 2>();
    }
  }

 private:
  template <int Half, int... I> static void swap_halves(Vector& x, Vector& y, std::integer_sequence<int, I...>) {
    const Vector low = __builtin_shufflevector(x, y, ((I & Half) ? L + I - Half : I)...);
    y = __builtin_shufflevector(x, y, ((I & Half) ? L + I : I + Half)...);
    x = low;
  }
};

/// out[k * out_step + j] = word k of row j, for j, k < L. One load per row instead of one per number.
template <class E, int L, Scalar S, class T>
void transpose_square(const T* from, Index from_row, S* out, Index out_step) {
  Square<S, L> square;
#pragma GCC unroll 16
  for (int j = 0; j < L; ++j) {
    S row[L];
    E::along(from + j * from_row, L * E::numbers, row);
    std::memcpy(&square.row[j], row, sizeof row);
  }
  square.template exchange<L / 2>();
#pragma GCC unroll 16
  for (int k = 0; k < L; ++k) std::memcpy(out + k * out_step, &square.row[k], sizeof square.row[k]);
}

/// out[k * width + j] = word k of row j for j < columns, and 0 for the other columns of the panel.
/// A row has `numbers` numbers.
template <class E, Scalar S, class T>
void pack_transposed(const T* from, Index from_row, Index numbers, Index columns, S* out) {
  constexpr Index lanes = Tile<S>::lanes, width = Tile<S>::width;
  const Index depth = word_count<E>(numbers);
  if (columns < width) std::fill_n(out, depth * width, S(0));
  for (Index j = 0; j < columns; j += lanes) {
    const Index whole = j + lanes <= columns ? numbers / (lanes * E::numbers) * lanes : 0;
    for (Index k = 0; k < whole; k += lanes)
      transpose_square<E, Tile<S>::lanes>(from + j * from_row + k * E::numbers, from_row, out + k * width + j, width);
    for (Index i = j; i < std::min(j + lanes, columns); ++i) {
      for (Index k = whole; k < depth; ++k)
        E::along(from + i * from_row + k * E::numbers, std::min(E::numbers, numbers - k * E::numbers),
                 out + k * width + i);
    }
  }
}

/// As above, for a matrix whose rows run along the panels: out[panel * depth * width + k * width + j] = word k of
/// column panel * width + j. Copies row by row over several panels, so that each page of the source is visited once.
template <class E, Scalar S, class T>
void pack_rows(const T* from, Index from_row, Index numbers, Index columns, S* out) {
  constexpr Index width = Tile<S>::width;
  const Index depth = word_count<E>(numbers);
  for (Index k = 0; k < depth; ++k) {
    const T* row = from + k * E::numbers * from_row;
    const T* next = (k + 1) * E::numbers <= numbers ? row + (E::numbers - 1) * from_row : nullptr;
    Index j = 0;
    for (S* to = out + k * width; j + width <= columns; j += width, to += depth * width)
      E::across(row + j, next ? next + j : nullptr, width, to);
    if (j == columns) continue;
    S* to = out + j * depth + k * width;
    E::across(row + j, next ? next + j : nullptr, columns - j, to);
    std::fill(to + (columns - j), to + width, S(0));
  }
}

// Elements to pack: reading and writing 128 KiB of float takes more than a microsecond.
inline constexpr Index parallel_copies = 32768;

/// Packs steps k .. k + depth - 1 of columns first .. first + columns - 1 of an operand (K,N), panel by panel.
template <class E, Scalar S>
void pack_block(const Operand<S>& b, Index k, Index depth, Index first, Index columns, S* out) {
  constexpr Index width = Tile<S>::width;
  const Index number = k * E::numbers, numbers = std::min(depth * E::numbers, b.rows() - number);
  read<E>(b, [&](const auto& x) {
    if (!b.transposed) return pack_rows<E>(x.row(number) + first, x.stride, numbers, columns, out);
    for (Index j = 0; j < columns; j += width)
      pack_transposed<E>(x.row(first + j) + number, x.stride, numbers, std::min(width, columns - j), out + j * depth);
  });
}

/// Packs columns first .. first + columns - 1 of an operand (K,N), of any type B with a pack_block, into the layout of
/// Panels.
template <class E, class B, Scalar S> void pack_columns(const B& b, Index first, Index columns, S* out) {
  constexpr Index width = Tile<S>::width, strip = 8 * width;
  const Blocks<S> blocks{word_count<E>(b.rows())};
  const Index strips = (columns + strip - 1) / strip, padded = (columns + width - 1) / width * width;
  for_each<Schedule::tasks>(threads_for(b.rows() * columns, parallel_copies), blocks.count * strips, [&](Index task) {
    const Index block = task / strips, from = task % strips * strip;
    const Index k = blocks.begin(block), depth = blocks.begin(block + 1) - k;
    pack_block<E>(b, k, depth, first + from, std::min(columns - from, strip), out + k * padded + from * depth);
  });
}

/// Packed columns for E's micro-kernel: for each block of k, for each panel of Tile::width columns, for each k, the
/// panel's words (zero beyond the last column).
template <class E> struct Panels {
  using S = typename E::Number;
  static constexpr Index step = E::panel_vectors * Tile<S>::lanes;  // words per step of a panel
  const S* data = nullptr;
  Index columns = 0;

  Index count() const { return (columns + Tile<S>::width - 1) / Tile<S>::width; }
  const S* panel(Index n, Index k, Index depth) const { return data + (k * count() + n * depth) * step; }
};

/// Calls f.template operator()<E>() with the element type that multiplies values rounded to T.
template <class T, class F> void with_element_of(const F& f) {
  if constexpr (Scalar<T>)
    f.template operator()<Exact<T>>();
  else if (bf16_unit() == Bf16Unit::widened)
    f.template operator()<WidenedBf16>();
  else
    f.template operator()<Bf16>();
}

/// As above, for a precision known at run time. Error: a precision that S is not rounded to.
template <Scalar S, class F> void with_element(DType precision, const F& f) {
  require(stores<S>(precision), "product: numbers of ", dtype_of<S>, " are not rounded to ", precision,
          "; compute in float, or leave the precision out");
  with_dtype<S>(precision, [&]<class T>() { with_element_of<T>(f); });
}

}}}}  // namespace neutra::NEUTRA_ABI::cpu::detail
