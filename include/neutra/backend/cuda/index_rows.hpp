/// Rows that are named by an index: added up in the order of the index, or chosen by whether they are zero.
#pragma once

#include "neutra/backend/cuda/loops.hpp"

#include <cstddef>
#include <cstdint>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

template <Scalar S> struct ZeroRows {
  View<S> x;
  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(x.cols(), [&](auto c) { c.fill(x.row(n), S(0)); });
  }
};

/// next[n] = the next position whose index is that of n, or `count`; owner[n] = whether there is none before n. A warp
/// looks at 32 positions at a time, up to the first that it finds.
struct Chains {
  static constexpr const char* name = "add_rows, the chains";
  static constexpr int most_threads = usual_threads, least_blocks = usual_blocks;
  const std::int32_t* index;
  std::int32_t *next, *owner;
  std::int32_t count;

  NEUTRA_DEVICE void operator()() const {
    const std::int32_t n = block() * (threads() / warp_size) + thread() / warp_size, lane = thread() % warp_size;
    if (n >= count) return;
    const std::int32_t row = index[n];
    std::uint32_t before = 0, after = 0;
    for (std::int32_t m = 0; m < n && before == 0; m += warp_size)
      before = ballot(m + lane < n && index[m + lane] == row);
    std::int32_t from = n + 1;
    for (; from < count; from += warp_size) {
      after = ballot(from + lane < count && index[from + lane] == row);
      if (after != 0) break;
    }
    if (lane != 0) return;
    std::int32_t found = count;
    if (after != 0)
      for (found = from; !(after & 1u); after >>= 1) ++found;
    next[n] = found;
    owner[n] = before == 0;
  }
};

/// The first position of each index adds up all positions of its chain, in their order.
template <Scalar S> struct AddChains {
  View<const S> x;
  const std::int32_t *index, *next, *owner;
  View<S> into;
  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    if (!owner[n]) return;
    S* const to = into.row(index[n]);
    row.each(x.cols(), [&](auto c) {
      auto total = c.load(to);
      for (Index m = n; m < x.rows(); m = next[m]) total = total + c.load(x.row(m));
      c.store(to, total);
    });
  }
};

/// into[index[n]] += x[n] in the order of n; where into is overwritten, rows that no n names become 0.
template <Scalar S> void add_rows(View<const S> x, const std::int32_t* index, Into<S> into) {
  constexpr Index warps = usual_threads / warp_size;
  const Index count = x.rows(), cols = x.cols();
  require(count < Index{1} << 31, "cuda: add_rows of ", count, " rows; at most 2^31 - 1 at a time");
  if (!into.add) rows<S>(into.view.rows(), cols, ZeroRows<S>{into.view});
  if (count == 0) return;
  auto* next = buffer<std::int32_t>(Buffer::chains, 2 * count);
  launch(Grid{parts_of(count, warps), usual_threads},
         Chains{index, next, next + count, static_cast<std::int32_t>(count)});
  rows<S>(count, cols, AddChains<S>{x, index, next, next + count, into.view});
}

/// open[n] = 1 if g[n] != 0 or slope[n] != 0, else 0
template <Scalar S> struct OpenFlags {
  View<const S> g, slope;
  std::int32_t* open;
  template <class Row> NEUTRA_HD void operator()(Row row, Index) const {
    row.each(g.size(), [&](auto c) {
      for (Index n = c.i; n < c.i + c.count; ++n) open[n] = g.data[n] != S(0) || (slope.data && slope.data[n] != S(0));
    });
  }
};

/// index and place, from open and its running sum: `place` holds open
struct OpenPlaces {
  const std::int32_t* sums;
  Index count;
  std::int32_t *index, *place;
  template <class Row> NEUTRA_HD void operator()(Row row, Index) const {
    row.each(count, [&](auto c) {
      for (Index n = c.i; n < c.i + c.count; ++n) {
        const std::int32_t at = sums[n] - 1;
        if (place[n]) index[at] = static_cast<std::int32_t>(n);
        place[n] = place[n] ? at : -1;
      }
    });
  }
};

/// The n with g[n] != 0 or slope[n] != 0, ascending, and their number, for which the host waits.
template <Scalar S> Index open_rows(View<const S> g, View<const S> slope, std::int32_t* index, std::int32_t* place) {
  const Index count = g.size();
  if (count == 0) return 0;
  elements<S>(count, OpenFlags<S>{g, slope, place});
  auto* sums = buffer<std::int32_t>(Buffer::places, count);
  scan(place, sums, count, buffer<std::byte>(Buffer::scan, static_cast<Index>(scan_bytes(count))));
  elements<S>(count, OpenPlaces{sums, count, index, place});
  return Memory::read(sums + count - 1);
}

}}}  // namespace neutra::NEUTRA_ABI::gpu
