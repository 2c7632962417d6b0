/// One tile of c: its shape, its inputs and outputs, and how its sums are written to c.
#pragma once

#include "neutra/backend/cpu/element.hpp"
#include "neutra/backend/cpu/rows.hpp"
#include "neutra/core/dtype.hpp"

#include <cstddef>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

/// The shape of a register tile: rows x (vectors of `lanes` numbers), and the largest number of steps of k in a block.
/// 32 registers hold 14 x 2 sums, two vectors of b and two broadcasts of a. 16 registers hold 6 x 2 sums with fused
/// multiply-add, and 4 x 2 where the multiplication needs a register of its own. A tile's rows of a (14 x 2 KiB) stay
/// in L1 while panels of b stream past.
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

/// A matrix with a stride for each index, so that its transpose is one too: element (i, j) is i * row + j * column
/// elements of `dtype` after data. Memory: void, or const void for reading only.
template <class Memory> struct Strided {
  Memory* data = nullptr;
  DType dtype{};
  Index row = 0, column = 1;

  /// The address of element (i, j), of type T.
  template <class T> auto at(Index i, Index j) const {
    return static_cast<std::conditional_t<std::is_const_v<Memory>, const T, T>*>(data) + i * row + j * column;
  }
  /// The submatrix that begins at element (i, j).
  Strided from(Index i, Index j) const {
    using Byte = std::conditional_t<std::is_const_v<Memory>, const std::byte, std::byte>;
    return {static_cast<Byte*>(data) + (i * row + j * column) * static_cast<Index>(size_of(dtype)), dtype, row, column};
  }
  Strided transpose() const { return {data, dtype, column, row}; }
};

/// The inputs and outputs of one tile. Strides are in elements;
/// a and b are words (see element.hpp), one per step of the block.
template <Scalar S> struct TileTask {
  Index depth;  // steps of k
  const S* a;   // element (i, k) at a[i * a_row + k * a_step]
  Index a_row, a_step;
  const S* b;  // the steps of a panel, in the layout of E::load
  Strided<void> c;
  Strided<const void> addend;      // of S; absent if data is null
  bool add = false;                // c += rather than c =
  int columns = 0;                 // the number of the tile's columns that exist in c
  const char* prefetch = nullptr;  // prefetched at prefetch + k * prefetch_step (bytes): the input of the next tile
  Index prefetch_step = 0;
};

namespace detail {

/// at = x, rounded as the vector stores round.
template <Scalar S, class T> void put(T& at, S x) {
  if constexpr (std::is_same_v<T, S>)
    at = x;
  else
    Lanes<S, xsimd::batch<S>, false>{0, 1}.store(&at, xsimd::batch<S>(x));
}

/// Writes or adds the sums of a tile where whole vectors do not do: at an edge, and for a transposed c. One function
/// for all kernels, since this is less than a hundredth of their work. sums: `rows` rows of `width`
template <class T, Scalar S>
[[gnu::noinline]] void finish_tile(const TileTask<S>& t, const S* sums, int rows, int width) {
  const bool along = t.c.column == 1 && (!t.addend.data || t.addend.column == 1);
  for (int r = 0; r < rows; ++r, sums += width) {
    T* const c = t.c.template at<T>(r, 0);
    const S* const addend = t.addend.data ? t.addend.template at<S>(r, 0) : nullptr;
    if (along) {
      Row<S, xsimd::batch<S>>{}.each(t.columns, [&](auto lanes) {
        auto x = lanes.load(sums);
        if (t.add) x = lanes.load(c) + x;
        if (addend) x = x + lanes.load(addend);
        lanes.store(c, x);
      });
      continue;
    }
    for (int j = 0; j < t.columns; ++j) {
      T& at = c[j * t.c.column];
      S x = sums[j];
      if (t.add) x = static_cast<S>(at) + x;
      if (addend) x = x + addend[j * t.addend.column];
      put(at, x);
    }
  }
}

}  // namespace detail
}}}  // namespace neutra::NEUTRA_ABI::cpu
