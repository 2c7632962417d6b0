/// One block of a matmul: the tiles of c over one block of k. a is read in place, or copied one tile at a time.
#pragma once

#include "neutra/backend/cpu/panels.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu { namespace detail {

/// c = a b + addend, with all shapes checked.      a: (rows,depth)  c, addend: (rows,columns)
template <Scalar S> struct Product {
  Operand<S> a;
  Index rows, columns, depth;
  Strided<void> c;
  Strided<const void> addend;  // of S
  bool add;
};

/// The rows of a for one tile, over one block of k: in place, or copied contiguously as words.
template <Scalar S> struct LeftRows {
  // One more cache line, so that the copied rows do not conflict in the cache as well.
  static constexpr Index copy_row = Tile<S>::depth + 64 / Index{sizeof(S)};
  static constexpr Index copy_size = Tile<S>::rows * copy_row;
  const S* data;
  Index row, step;
};

/// Whether tiles copy their rows of a. They do if rows of elements are not rows of words, or if rows conflict in the
/// cache: 14 rows whose starts are a multiple of 4 KiB apart map to the same L1 set, which has 12 (or 8) ways.
template <class E, Scalar S> bool copies(const Operand<S>& a) {
  return read<E>(a, [&]<class T>(const View<const T>& x) {
    const bool words =
        std::is_same_v<T, S> ? E::as_they_stand : E::numbers == 2 && x.stride % 2 == 0 && x.cols() % 2 == 0;
    return a.transposed || !words || x.stride * Index{sizeof(T)} % 4096 == 0;
  });
}

/// copy[i * step + r] = word k + i of row first + r of a transposed a; returns step. Copies whole vectors where the
/// source row allows: the excess is overwritten by the next row, and the last row has a spare line after it.
template <class E, Scalar S, class T>
Index copy_columns(const View<const T>& a, Index first, Index rows, Index k, Index depth, S* copy) {
  constexpr Index step = Tile<S>::rows, whole = (step + Tile<S>::lanes - 1) / Tile<S>::lanes * Tile<S>::lanes;
  const bool fits = first + whole <= a.cols();
  for (Index i = 0; i < depth; ++i) {
    const Index number = (k + i) * E::numbers, next = number + E::numbers - 1;
    const T *from = a.row(number) + first, *beside = next < a.rows() ? a.row(next) + first : nullptr;
    if (fits)
      E::across(from, beside, whole, copy + i * step);
    else
      E::across(from, beside, rows, copy + i * step);
  }
  return step;
}

/// copy[r * copy_row + i] = word k + i of row first + r of a transposed a, transposed in registers. Writes up to one
/// vector beyond the end.
template <class E, Scalar S, class T>
void copy_columns_as_rows(const View<const T>& a, Index first, Index rows, Index k, Index depth, S* copy) {
  constexpr int lanes = Tile<S>::lanes;
  const Index columns = first + lanes <= a.cols() ? lanes : rows;
  for (Index i = 0; i < depth; i += lanes) {
    Square<S, lanes> square;
    for (Index j = 0; j < lanes; ++j) {
      S words[lanes] = {};
      const Index number = (k + i + j) * E::numbers, next = number + E::numbers - 1;
      if (i + j < depth)
        E::across(a.row(number) + first, next < a.rows() ? a.row(next) + first : nullptr, columns, words);
      std::memcpy(&square.row[j], words, sizeof words);
    }
    square.template exchange<lanes / 2>();
    for (Index r = 0; r < rows; ++r)
      std::memcpy(copy + r * LeftRows<S>::copy_row + i, &square.row[r], sizeof square.row[r]);
  }
}

template <class E, Scalar S>
LeftRows<S> left_rows(const Operand<S>& a, Index first, Index rows, Index k, Index depth, S* copy) {
  return read<E>(a, [&]<class T>(const View<const T>& x) -> LeftRows<S> {
    if constexpr (E::rows_of_words) {
      if (a.transposed) {
        copy_columns_as_rows<E>(x, first, rows, k, depth, copy);
        return {copy, LeftRows<S>::copy_row, 1};
      }
    }
    if (a.transposed) return {copy, 1, copy_columns<E>(x, first, rows, k, depth, copy)};
    constexpr Index numbers_in_place = sizeof(S) / sizeof(T);  // elements per word
    if (!copies<E>(a)) return {reinterpret_cast<const S*>(x.row(first)) + k, x.stride / numbers_in_place, 1};
    constexpr Index copy_row = LeftRows<S>::copy_row;
    const Index number = k * E::numbers, numbers = std::min(depth * E::numbers, a.cols() - number);
    for (Index i = 0; i < rows; ++i) E::along(x.row(first + i) + number, numbers, copy + i * copy_row);
    return {copy, copy_row, 1};
  });
}

/// What to prefetch while the tile at `row` works on its panel-th panel, if the next tile has to be copied: one row of
/// the next tile per panel or, for a transposed a, one cache line (part of a column) per step.
template <class E, Scalar S>
std::pair<const char*, Index> read_next(const Product<S>& p, bool copied, Index row, Index rows, Index k, Index panel,
                                        const S* nothing) {
  const Index next = row + rows;
  return read<E>(p.a, [&]<class T>(const View<const T>& x) -> std::pair<const char*, Index> {
    const auto bytes = [](const T* number, Index step) {
      return std::pair(reinterpret_cast<const char*>(number), step * Index{sizeof(T)});
    };
    if (p.a.transposed && panel < E::numbers && next < p.rows)
      return bytes(x.row(k * E::numbers + panel) + std::min(next + Tile<S>::rows, p.rows) - 1, E::numbers * x.stride);
    if (copied && !E::as_they_stand && panel < Tile<S>::rows && next + panel < p.rows)
      return bytes(x.row(next + panel) + k * E::numbers, E::numbers);
    return {reinterpret_cast<const char*>(nothing), 0};
  });
}

/// Cuts the rows of c into tiles of nearly equal height, so that no small one is left over.
template <Scalar S> struct RowTiles {
  Index rows;
  Index count = (rows + Tile<S>::rows - 1) / Tile<S>::rows;

  Index begin(Index tile) const { return rows * tile / count; }
};

/// Multiplies tiles first_tile .. last_tile - 1 of a, over one block of k, by `columns` columns from first_column.
/// `panels` holds the packed panels of that block in the layout of K's micro-kernel.
template <class E, class K = typename E::Kernel, Scalar S>
void multiply_block(const Product<S>& p, Index block, Index first_tile, Index last_tile, const S* panels,
                    Index first_column, Index columns) {
  [[maybe_unused]] const MatrixRegisters<K> registers;
  alignas(64) S copy[LeftRows<S>::copy_size];
  const Blocks<S> blocks{word_count<E>(p.depth)};
  const RowTiles<S> tiles{p.rows};
  const Index k = blocks.begin(block), depth = blocks.begin(block + 1) - k;
  const bool addend = p.addend.data && block + 1 == blocks.count;
  for (Index tile = first_tile; tile < last_tile; ++tile) {
    const Index row = tiles.begin(tile), rows = tiles.begin(tile + 1) - row;
    const auto left = left_rows<E>(p.a, row, rows, k, depth, copy);
    for (Index n = 0; n * Tile<S>::width < columns; ++n) {
      const Index done = n * Tile<S>::width, column = first_column + done;
      const auto [prefetch, prefetch_step] = read_next<E>(p, left.data == copy, row, rows, k, n, left.data);
      const TileTask<S> task{.depth = depth,
                             .a = left.data,
                             .a_row = left.row,
                             .a_step = left.step,
                             .b = panels + n * Panels<K>::step * depth,
                             .c = p.c.from(row, column),
                             .addend = addend ? p.addend.from(row, column) : Strided<const void>{},
                             .add = p.add || block > 0,
                             .columns = static_cast<int>(std::min<Index>(Tile<S>::width, columns - done)),
                             .prefetch = prefetch,
                             .prefetch_step = prefetch_step};
      multiply_tile<K>(static_cast<int>(rows), task);
    }
  }
}

}}}}  // namespace neutra::NEUTRA_ABI::cpu::detail
