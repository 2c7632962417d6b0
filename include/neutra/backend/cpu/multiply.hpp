/// Multithreaded matmul: with panels packed beforehand, packed by all threads together, or by each thread for itself.
#pragma once

#include "neutra/backend/cpu/block.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu { namespace detail {

// Multiply-adds. At 16 to 32 per cycle they take one core about 2 us, several times the cost of fork and join (0.5 us).
inline constexpr Index parallel_steps = 100000;
// Bytes of panels that one core works on: half of an L2 cache of 1 MiB.
inline constexpr Index second_level = 512 * 1024;
// Bytes of panels packed at a time. All of a is read once per such batch.
inline constexpr Index third_level = 16 * 1024 * 1024;

/// Panels of one block of k that stay in an L2 cache of 1 MiB while the tiles stream past.
template <Scalar S> Index cached_panels(Index depth) {
  return std::max<Index>(1, second_level / (std::min(depth, Tile<S>::depth) * Tile<S>::width * Index{sizeof(S)}));
}

/// How c is cut into tasks once b is packed: bands of row tiles times groups of panels, all nearly equal. Tasks are
/// ordered so that a thread's range covers the bands of its own rows, one group of panels after another.
template <Scalar S> struct Cut {
  Index tiles, panels;  // of c
  Index bands, groups;  // bands: of tiles; groups: of panels
  Index own;            // bands in one thread's range

  Cut(Index row_count, Index panel_count, Index depth, int threads)
      : tiles(RowTiles<S>{row_count}.count), panels(panel_count) {
    groups = (panels + cached_panels<S>(depth) - 1) / cached_panels<S>(depth);
    // Several tasks per thread, so that a delayed one does not delay all.
    const Index wanted = threads == 1 ? 1 : 6 * threads;
    // Of a band: 14 rows of 2 KiB each are 448 KiB of a, which share the L2 cache with the panels.
    constexpr Index most_tiles = 16;
    bands = std::max((tiles + most_tiles - 1) / most_tiles, (wanted + groups - 1) / groups);
    own = (bands + threads - 1) / threads;
    bands = own * threads;
    if (bands > tiles) {  // few rows: threads share out the groups
      own = bands = tiles;
      groups = std::min(panels, std::max(groups, (wanted + bands - 1) / bands));
    }
  }
  Index band(Index task) const { return task / (groups * own) * own + task % own; }
  Index group(Index task) const { return task % (groups * own) / own; }
  Index tasks() const { return bands * groups; }
  Index tile_begin(Index band) const { return tiles * band / bands; }
  Index panel_begin(Index group) const { return panels * group / groups; }
};

/// Computes the columns first_column ... of c, as many as b has.
template <class E, class K, Scalar S>
void multiply_columns(const Product<S>& p, const Panels<K>& b, Index first_column) {
  const int threads = threads_for(p.rows * b.columns * p.depth, parallel_steps);
  const Blocks<S> blocks{word_count<E>(p.depth)};
  const Cut<S> cut(p.rows, b.count(), blocks.steps, threads);
  for_each<Schedule::tasks>(threads, cut.tasks(), [&](Index task) {
    const Index group = cut.group(task), band = cut.band(task), n = cut.panel_begin(group), from = n * Tile<S>::width;
    const Index to = std::min(cut.panel_begin(group + 1) * Tile<S>::width, b.columns);
    for (Index block = 0; block < blocks.count; ++block) {
      const S* panels = b.panel(n, blocks.begin(block), blocks.begin(block + 1) - blocks.begin(block));
      multiply_block<E, K>(p, block, cut.tile_begin(band), cut.tile_begin(band + 1), panels, first_column + from,
                           to - from);
    }
  });
}

/// Scratch memory for panels, of the calling thread. It takes the largest size that may be needed at once, because the
/// number of rows of a sparse product varies from step to step, and with it who packs.
template <Scalar S> S* panel_memory(Index size) {
  const bool alone = omp_in_parallel() || omp_get_max_threads() == 1;
  return scratch<S, Scratch::panels>(size, alone ? 0 : third_level / Index{sizeof(S)});
}

/// The number of columns packed at a time, for sums over `depth` words.
template <Scalar S> Index columns_at_a_time(Index depth) {
  // With a single panel, a is read four times as often: 69 instead of 93 GFLOP/s at K = 32000.
  constexpr Index width = Tile<S>::width, least_panels = 4;
  return std::max(least_panels, third_level / (depth * width * Index{sizeof(S)})) * width;
}

/// All threads pack together, then all multiply with all panels.
template <class E, class B, Scalar S> void multiply_packing_together(const Product<S>& p, const B& b) {
  constexpr Index width = Tile<S>::width;
  const Index depth = word_count<E>(p.depth), most = columns_at_a_time<S>(depth);
  for (Index column = 0; column < p.columns; column += most) {
    const Index columns = std::min(most, p.columns - column);
    S* panels = panel_memory<S>(depth * ((columns + width - 1) / width * width));
    pack_columns<E>(b, column, columns, panels);
    multiply_columns<E>(p, Panels<typename E::Kernel>{panels, columns}, column);
  }
}

/// The number of column groups that threads pack separately, of `vectors` vectors: none empty, none with more panels
/// than stay cached. One group per thread if rereading a for each group is expensive (a has to be copied, or does not
/// stay in a cache); otherwise several, for work stealing.
template <class E, Scalar S> Index column_groups(const Product<S>& p, Index vectors, Index threads) {
  const Index cached = cached_panels<S>(word_count<E>(p.depth)) * Tile<S>::vectors;
  const bool dear = copies<E>(p.a) || p.rows * p.depth * Index{sizeof(S)} > second_level;
  const Index wanted =
      std::max({(vectors + cached - 1) / cached, dear ? threads : std::min(4 * threads, vectors / 2), Index{1}});
  return std::min(vectors, (wanted + threads - 1) / threads * threads);
}

/// Each thread packs the panels it multiplies with, one group of columns over one block of k at a time, so that no core
/// waits for another's panels.
template <class E, class B, Scalar S> void multiply_packing_apart(const Product<S>& p, const B& b, Index threads) {
  constexpr Index lanes = Tile<S>::lanes;
  // One panel more, since a group may end within a panel.
  constexpr Index capacity = second_level / Index{sizeof(S)} + Tile<S>::depth * Tile<S>::width;
  const Blocks<S> blocks{word_count<E>(p.depth)};
  const Index vectors = (p.columns + lanes - 1) / lanes, groups = column_groups<E>(p, vectors, threads);
  S* memory = panel_memory<S>(threads * capacity);
  for_each<Schedule::tasks>(static_cast<int>(threads), groups, [&](Index group) {
    const Index from = vectors * group / groups * lanes,
                to = std::min(vectors * (group + 1) / groups * lanes, p.columns);
    S* panels = memory + (threads == 1 ? 0 : omp_get_thread_num() * capacity);
    for (Index block = 0; block < blocks.count; ++block) {
      const Index k = blocks.begin(block), depth = blocks.begin(block + 1) - k;
      pack_block<E>(b, k, depth, from, to - from, panels);
      multiply_block<E>(p, block, 0, RowTiles<S>{p.rows}.count, panels, from, to - from);
    }
  });
}

/// Whether threads should pack separately. The overhead of either way, as a fraction of the product, was fitted to
/// shapes timed on two cores. Together: panels written by another core cost as much as 120 rows of a. Separately: every
/// thread reads all of a (worth 6 columns of b per thread, 33 if a has to be copied), and all wait for the thread with
/// the most columns.
template <class E, Scalar S> bool pack_apart(const Product<S>& p, Index threads) {
  if (threads == 1) return true;
  const auto share = [](Index part, Index whole) { return static_cast<double>(part) / static_cast<double>(whole); };
  const Index vectors = (p.columns + Tile<S>::lanes - 1) / Tile<S>::lanes, most = (vectors + threads - 1) / threads;
  return share((copies<E>(p.a) ? 33 : 6) * threads, p.columns) + share(most * threads, vectors) - 0.94 <
         share(120, p.rows);
}

/// The product with a b of any type that has a pack_block.
template <class E, class B, Scalar S> void multiply_unpacked(const Product<S>& p, const B& b) {
  const int threads = threads_for(p.rows * p.columns * p.depth, parallel_steps);
  if (pack_apart<E>(p, threads))
    multiply_packing_apart<E>(p, b, threads);
  else
    multiply_packing_together<E>(p, b);
}

/// Widens panels n .. n + count - 1 of b into `out`.
inline void widen_panels(const Panels<ColumnPairs>& b, const Blocks<float>& blocks, Index n, Index count, float* out) {
  const int threads = threads_for(blocks.steps * count * Tile<float>::width, parallel_copies);
  for_each<Schedule::tasks>(threads, blocks.count * count, [&](Index task) {
    const Index block = task / count, panel = task % count;
    const Index k = blocks.begin(block), depth = blocks.begin(block + 1) - k;
    ColumnPairs::widen(b.panel(n + panel, k, depth), depth, out + (k * count + panel * depth) * Tile<float>::width);
  });
}

/// The product with a prepacked b.
template <class E, Scalar S> void multiply_packed(const Product<S>& p, const Panels<typename E::Stored>& b) {
  if constexpr (!std::is_same_v<typename E::Stored, typename E::Kernel>) {
    // Widening once costs 0.57 of one tile's product;
    // widening in the kernel costs 0.07 of every tile's (2 more in 28 operations).
    constexpr Index most_tiles = 8;
    const Blocks<S> blocks{word_count<E>(p.depth)};
    const Index most = std::min(columns_at_a_time<S>(blocks.steps) / Tile<S>::width, b.count());
    // Taken for few rows too, since the next product may have more.
    S* const panels = panel_memory<S>(blocks.steps * most * Tile<S>::width);
    if (RowTiles<S>{p.rows}.count > most_tiles) {
      for (Index n = 0; n < b.count(); n += most) {
        const Index count = std::min(most, b.count() - n), column = n * Tile<S>::width;
        widen_panels(b, blocks, n, count, panels);
        multiply_columns<E>(p, Panels<typename E::Kernel>{panels, std::min(count * Tile<S>::width, b.columns - column)},
                            column);
      }
      return;
    }
  }
  multiply_columns<E>(p, b, Index{0});
}

}}}}  // namespace neutra::NEUTRA_ABI::cpu::detail
