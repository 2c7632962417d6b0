/// Loops over rows: SIMD along a row, OpenMP across rows. How a sum is partitioned depends only on sizes, never on the
/// number of threads.
#pragma once

#include "neutra/backend/cpu/simd.hpp"
#include "neutra/backend/cpu/threads.hpp"

#include <functional>
#include <limits>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

/// Below this number of elements a fork costs more than it saves: fork and join take about 0.5 us, in which one core
/// touches about 16 thousand floats.
inline constexpr Index parallel_elements = 16384;

/// The work on one row. A functor defines what happens to an element; Row defines how elements are grouped.
template <Scalar S, class V> struct Row {
  static constexpr Index width = Batch<V>::width;

  /// f(lanes) over elements 0 .. n-1
  template <class F> void each(Index n, F f) const {
    Index i = 0;
    for (; i + width <= n; i += width) f(Lanes<S, V, true>{i, width});
    if (i < n) f(Lanes<S, V, false>{i, n - i});
  }

  /// f() by one worker, after the preceding calls: for single elements of the row
  template <class F> void once(F f) const { f(); }

  /// sum over elements of f(lanes): four accumulators (an add has a latency of four cycles), combined in a fixed tree
  template <class F> S sum(Index n, F f) const {
    V parts[4] = {V(S(0)), V(S(0)), V(S(0)), V(S(0))};
    Index i = 0;
    for (; i + 4 * width <= n; i += 4 * width)
      for (int k = 0; k < 4; ++k) parts[k] = parts[k] + f(Lanes<S, V, true>{i + k * width, width});
    for (; i + width <= n; i += width) parts[0] = parts[0] + f(Lanes<S, V, true>{i, width});
    S total = by_halves((parts[0] + parts[1]) + (parts[2] + parts[3]), std::plus<S>());
    if (i < n) total += in_order(f(Lanes<S, V, false>{i, n - i}), n - i, std::plus<S>());
    return total;
  }

  /// maximum of f(lanes); minus infinity for n = 0
  template <class F> S max(Index n, F f) const {
    const auto larger = [](S a, S b) { return a < b ? b : a; };
    V best(-std::numeric_limits<S>::infinity());
    Index i = 0;
    for (; i + width <= n; i += width) best = math::max(best, f(Lanes<S, V, true>{i, width}));
    S result = by_halves(best, larger);
    if (i < n) result = larger(result, in_order(f(Lanes<S, V, false>{i, n - i}), n - i, larger));
    return result;
  }

 private:
  /// Reduces the lanes of a full batch by halves.
  template <class Combine> static S by_halves(V v, Combine combine) {
    alignas(64) S lanes[width];
    Batch<V>::store(lanes, v);
    for (Index half = width / 2; half > 0; half /= 2)
      for (Index i = 0; i < half; ++i) lanes[i] = combine(lanes[i], lanes[i + half]);
    return lanes[0];
  }
  /// Reduces the first `count` lanes, the tail of a row, in order.
  template <class Combine> static S in_order(V v, Index count, Combine combine) {
    alignas(64) S lanes[width];
    Batch<V>::store(lanes, v);
    S result = lanes[0];
    for (Index i = 1; i < count; ++i) result = combine(result, lanes[i]);
    return result;
  }
};

/// f(row, n) for n = 0 .. count-1      cost: elements touched per row
/// One copy per functor: inlined into several places, a loop exceeds the compiler's budget, and the exp inside becomes
/// a call for every vector.
template <Scalar S, class V, class F> [[gnu::noinline]] void rows(Index count, Index cost, const F& f) {
  for_each<Schedule::ranges>(threads_for(count * cost, parallel_elements), count, [&](Index n) { f(Row<S, V>{}, n); });
}

/// Sums blocks of 64 rows separately, then the block sums in order.
template <Scalar S, class V, class F> void column_sums(Index count, Index cols, const F& f, Into<S> into) {
  constexpr Index block = 64;
  const Index blocks = (count + block - 1) / block;
  S* partial = scratch<S, Scratch::column_sums>(blocks * cols);
  rows<S, V>(blocks, block * cols, [&](Row<S, V> row, Index b) {
    S* sums = partial + b * cols;
    std::fill_n(sums, cols, S(0));
    for (Index n = b * block; n < std::min(count, (b + 1) * block); ++n)
      row.each(cols, [&](auto c) { c.store(sums, c.load(sums) + f(n, c)); });
  });
  Row<S, V>{}.each(cols, [&](auto c) {
    V total = V(S(0));
    for (Index b = 0; b < blocks; ++b) total = total + c.load(partial + b * cols);
    c.write(into, 0, total);
  });
}

/// into[index[n]] += x[n]; columns run in parallel, 16 at a time, so that the order of each sum is that of n.
template <Scalar S, class V> void add_rows(View<const S> x, const std::int32_t* index, Into<S> into) {
  constexpr Index columns = 16;
  rows<S, V>((x.cols() + columns - 1) / columns, columns * x.rows(), [&](Row<S, V> row, Index part) {
    const Index first = part * columns, width = std::min(columns, x.cols() - first);
    for (Index v = 0; !into.add && v < into.view.rows(); ++v)
      row.each(width, [&](auto c) { c.fill(into.view.row(v) + first, S(0)); });
    for (Index n = 0; n < x.rows(); ++n) {
      S* to = into.view.row(index[n]) + first;
      row.each(width, [&](auto c) { c.store(to, c.load(to) + c.load(x.row(n) + first)); });
    }
  });
}

}}}  // namespace neutra::NEUTRA_ABI::cpu
