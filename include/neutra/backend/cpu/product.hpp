/// Matrix products on the CPU.      Goto & van de Geijn 2008, "Anatomy of high-performance matrix multiplication"
///
/// b is laid out in panels; a is read where it stands, or copied a tile at a time where it is transposed or rounded to bf16. Every element is the sum
/// over k, in order, of blocks (Blocks: a function of K and of what is multiplied), each block a chain of E::multiply_add from zero; then the addend
/// is added. Its bits depend on nothing else: not on its place in c, the sizes M and N, the number of threads, or whether b was packed before.
#pragma once

#include "neutra/backend/cpu/packed.hpp"

namespace neutra::inline NEUTRA_ABI::cpu {

namespace detail {

/// c = a b + addend with all shapes checked; element (i, j) of c and addend stands at [i * row + j * column].
template <Scalar S> struct Product {
  Operand<S> a;
  Index rows, columns, depth;
  S* c;
  Index c_row, c_column;
  const S* addend;
  Index addend_row, addend_column;
  bool add;
};

inline constexpr Index parallel_steps = 100000;        // multiply-adds, at 16 to 32 a cycle some 2 us of a core: several times fork and join (0.5 us)
inline constexpr Index third_level = 4 * 1024 * 1024;  // bytes of panels made at a time: they are still in a cache when they are read

/// The rows of a that one tile reads, over one block of k: where they stand, or copied beside each other as words.
template <Scalar S> struct LeftRows {
  static constexpr Index copy_row = Tile<S>::depth + 64 / Index{sizeof(S)};  // a cache line more, so that rows do not collide again
  static constexpr Index copy_size = Tile<S>::rows * copy_row;
  const S* data;
  Index row, step;
};

/// 14 rows whose starts lie a multiple of 4 KiB apart share one set of the first-level cache, which holds 12 (or 8) lines.
template <Scalar S> bool collides(const Operand<S>& a) { return !a.transposed && a.view.stride * Index{sizeof(S)} % 4096 == 0; }

/// copy[i * step + r] = word k + i of row first + r of a transposed a; returns step. Whole vectors where the row of the source allows it: what is
/// too much is overwritten by the next row, and there is a line to spare behind the last.
template <class E, Scalar S> Index copy_columns(const Operand<S>& a, Index first, Index rows, Index k, Index depth, S* copy) {
  constexpr Index step = Tile<S>::rows, whole = (step + Tile<S>::lanes - 1) / Tile<S>::lanes * Tile<S>::lanes;
  const bool fits = first + whole <= a.rows();
  for (Index i = 0; i < depth; ++i) {
    const Index number = (k + i) * E::numbers, next = number + E::numbers - 1;
    const S *from = a.view.row(number) + first, *beside = next < a.cols() ? a.view.row(next) + first : nullptr;
    if (fits)
      E::across(from, beside, whole, copy + i * step);
    else
      E::across(from, beside, rows, copy + i * step);
  }
  return step;
}

template <class E, Scalar S> LeftRows<S> left_rows(const Operand<S>& a, Index first, Index rows, Index k, Index depth, S* copy) {
  if (a.transposed) return {copy, 1, copy_columns<E>(a, first, rows, k, depth, copy)};
  if (E::as_they_stand && !collides(a)) return {a.view.row(first) + k, a.view.stride, 1};
  constexpr Index copy_row = LeftRows<S>::copy_row;
  const Index number = k * E::numbers, numbers = std::min(depth * E::numbers, a.cols() - number);
  for (Index i = 0; i < rows; ++i) E::along(a.view.row(first + i) + number, numbers, copy + i * copy_row);
  return {copy, copy_row, 1};
}

/// What to prefetch while the tile at `row` meets its panel-th panel: what the next tile is made of, where that has to be copied. Of a transposed a,
/// a column is a line per step; else a row of the next tile for each panel.
template <class E, Scalar S>
std::pair<const S*, Index> read_next(const Product<S>& p, Index row, Index rows, Index k, Index panel, const S* nothing) {
  const Index next = row + rows, stride = p.a.view.stride;
  if (p.a.transposed && panel < E::numbers && next < p.rows)
    return {p.a.view.row(k * E::numbers + panel) + std::min(next + Tile<S>::rows, p.rows) - 1, E::numbers * stride};
  if (!p.a.transposed && !E::as_they_stand && panel < Tile<S>::rows && next + panel < p.rows)
    return {p.a.view.row(next + panel) + k * E::numbers, E::numbers};
  return {nothing, 0};
}

/// How c is cut into tasks: bands of row tiles times groups of panels. All are near equal, so that no narrow one remains at an end. Tasks are in the
/// order in which a thread's stretch of them has the bands of its own rows, one group of panels after another.
template <Scalar S> struct Cut {
  Index rows, panels;          // of c
  Index tiles, bands, groups;  // row tiles, groups of them, groups of panels
  Index own;                   // bands of a thread's stretch

  Cut(Index row_count, Index panel_count, Index depth, int threads) : rows(row_count), panels(panel_count) {
    constexpr Index second_level = 512 * 1024;  // of a cache of 1 MiB or more, for one group of panels over one block of k
    const Index panel_bytes = std::min(depth, Tile<S>::depth) * Tile<S>::width * Index{sizeof(S)};
    tiles = (rows + Tile<S>::rows - 1) / Tile<S>::rows;
    groups = (panels * panel_bytes + second_level - 1) / second_level;
    const Index wanted = threads == 1 ? 1 : 6 * threads;  // several tasks a thread, so that one that is held up does not hold up all
    constexpr Index most_tiles = 16;                      // of a band: 14 rows of 2 KiB each are 448 KiB of a, beside the panels in that cache
    bands = std::max((tiles + most_tiles - 1) / most_tiles, (wanted + groups - 1) / groups);
    own = (bands + threads - 1) / threads;
    bands = own * threads;
    if (bands > tiles) own = bands = tiles;  // few rows: threads share out the groups
  }
  Index band(Index task) const { return task / (groups * own) * own + task % own; }
  Index group(Index task) const { return task % (groups * own) / own; }
  Index tasks() const { return bands * groups; }
  Index tile_begin(Index band) const { return tiles * band / bands; }
  Index row_begin(Index tile) const { return rows * tile / tiles; }
  Index panel_begin(Index group) const { return panels * group / groups; }
};

template <class E, Scalar S> void multiply_band(const Product<S>& p, const Panels<S>& b, const Cut<S>& cut, Index task, Index first_column) {
  const Index group = cut.group(task), band = cut.band(task);
  alignas(64) S copy[LeftRows<S>::copy_size];
  const Blocks<S> blocks{words<E>(p.depth)};
  for (Index block = 0; block < blocks.count; ++block) {
    const Index k = blocks.begin(block), depth = blocks.begin(block + 1) - k;
    const bool last = block + 1 == blocks.count;
    for (Index tile = cut.tile_begin(band); tile < cut.tile_begin(band + 1); ++tile) {
      const Index row = cut.row_begin(tile), rows = cut.row_begin(tile + 1) - row;
      const auto left = left_rows<E>(p.a, row, rows, k, depth, copy);
      for (Index n = cut.panel_begin(group); n < cut.panel_begin(group + 1); ++n) {
        const Index column = first_column + n * Tile<S>::width;
        TileTask<S> t{.depth = depth,
                      .a = left.data,
                      .a_row = left.row,
                      .a_step = left.step,
                      .b = b.panel(n, k, depth),
                      .c = p.c + row * p.c_row + column * p.c_column,
                      .c_row = p.c_row,
                      .c_column = p.c_column};
        if (p.addend && last) {
          t.addend = p.addend + row * p.addend_row + column * p.addend_column;
          t.addend_row = p.addend_row;
          t.addend_column = p.addend_column;
        }
        t.add = p.add || block > 0;
        t.columns = static_cast<int>(std::min<Index>(Tile<S>::width, b.columns - n * Tile<S>::width));
        const auto [soon, soon_step] = read_next<E>(p, row, rows, k, n - cut.panel_begin(group), left.data);
        t.soon = soon;
        t.soon_step = soon_step;
        multiply_tile<E>(static_cast<int>(rows), t);
      }
    }
  }
}

/// Columns first_column ... of c, as many as b has.
template <class E, Scalar S> void multiply_columns(const Product<S>& p, const Panels<S>& b, Index first_column) {
  const int threads = threads_for(p.rows * b.columns * p.depth, parallel_steps);
  const Cut<S> cut(p.rows, b.count(), words<E>(p.depth), threads);
  for_each<Schedule::tasks>(threads, cut.tasks(), [&](Index task) { multiply_band<E>(p, b, cut, task, first_column); });
}

/// K = 0: the sum has no terms.
template <Scalar S> void empty_sum(const Product<S>& p) {
  for (Index i = 0; i < p.rows; ++i) {
    for (Index j = 0; j < p.columns; ++j) {
      S& c = p.c[i * p.c_row + j * p.c_column];
      if (!p.add) c = S(0);
      if (p.addend) c = c + p.addend[i * p.addend_row + j * p.addend_column];
    }
  }
}

template <Scalar S> Product<S> checked(const Operand<S>& a, Index b_rows, Index b_cols, bool b_bf16, const Into<S>& c, const View<const S>& addend) {
  const Index m = a.rows(), k = a.cols();
  require(k == b_rows, "product: a (M,K) and b (K,N) must agree in K, got a (", m, ",", k, ") and b (", b_rows, ",", b_cols, ")");
  require(c.view.rows() == m && c.view.cols() == b_cols, "product: c must be (", m, ",", b_cols, "), as a (", m, ",", k, ") and b (", b_rows, ",",
          b_cols, ") say, got ", c.view.shape);
  require(a.bf16 == b_bf16, "product: both operands are rounded to bf16 or neither is, but ", a.bf16 ? "a" : "b", " alone is marked so");
  const bool has_addend = addend.data != nullptr;
  require(!has_addend || (addend.rows() == m && addend.cols() == b_cols), "product: the addend must have the shape of c, ", c.view.shape, ", got ",
          addend.shape);
  return {.a = a,
          .rows = m,
          .columns = b_cols,
          .depth = k,
          .c = c.view.data,
          .c_row = c.view.stride,
          .c_column = 1,
          .addend = addend.data,
          .addend_row = addend.stride,
          .addend_column = 1,
          .add = c.add};
}

/// Few rows and b given by its rows, as when text is generated: c^T = b^T a^T reads b once, where it stands, instead of packing it. Same sums.
template <Scalar S> Product<S> flipped(const Product<S>& p, const Operand<S>& b) {
  return {.a = {b.view, !b.transposed},
          .rows = p.columns,
          .columns = p.rows,
          .depth = p.depth,
          .c = p.c,
          .c_row = p.c_column,
          .c_column = p.c_row,
          .addend = p.addend,
          .addend_row = p.addend_column,
          .addend_column = p.addend_row,
          .add = p.add};
}

template <class E, Scalar S> void multiply_unpacked(const Product<S>& p, const Operand<S>& b) {
  constexpr Index width = Tile<S>::width, least_panels = 4;  // with one a is read four times as often: 69 instead of 93 GFLOP/s at K = 32000
  const Index depth = words<E>(p.depth), most = std::max(least_panels, third_level / (depth * width * Index{sizeof(S)})) * width;
  for (Index column = 0; column < p.columns; column += most) {
    const Index columns = std::min(most, p.columns - column);
    // all of third_level at once: the rows of a sparse product vary from step to step
    S* panels = scratch<S, Scratch::panels>(depth * ((columns + width - 1) / width * width), third_level / Index{sizeof(S)});
    pack_columns<E>(b, column, columns, panels);
    multiply_columns<E>(p, Panels<S>{panels, columns}, column);
  }
}

}  // namespace detail

/// c = a b, or c += a b where c.add; then + addend where given.      a: (M,K)  b: (K,N)  c, addend: (M,N)
/// c overlaps no operand. Sizes may be 0; K = 0 is a sum of no terms. Error: shapes that do not agree, one operand in bf16 and the other not.
template <Scalar S> void product(Operand<S> a, Operand<S> b, Into<S> c, View<const S> addend = {}) {
  const auto p = detail::checked(a, b.rows(), b.cols(), b.bf16, c, addend);
  if (p.rows * p.columns == 0) return;
  if (p.depth == 0) return detail::empty_sum(p);
  detail::with_element<S>(a.bf16, [&]<class E>() {
    if (b.transposed && p.rows <= Tile<S>::lanes) return detail::multiply_unpacked<E>(detail::flipped(p, b), {a.view, !a.transposed});
    detail::multiply_unpacked<E>(p, b);
  });
}

/// The same with b packed before; the same bits.
template <Scalar S> void product(Operand<S> a, const Packed<S>& b, Into<S> c, View<const S> addend = {}) {
  const auto p = detail::checked(a, b.rows(), b.cols(), b.bf16(), c, addend);
  if (p.rows * p.columns == 0) return;
  if (p.depth == 0) return detail::empty_sum(p);
  require(!b.empty(), "product: b has been moved from");
  detail::with_element<S>(a.bf16, [&]<class E>() { detail::multiply_columns<E>(p, b.panels(), Index{0}); });
}

}  // namespace neutra::inline NEUTRA_ABI::cpu
