/// Loops over rows and elements, and sums. How a sum is partitioned depends only on sizes.
#pragma once

#include "neutra/backend/cuda/memory.hpp"
#include "neutra/backend/cuda/pack.hpp"

#include <cmath>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

/// A block that most kernels run with: eight warps hide the latency of each other's loads.
inline constexpr int usual_threads = 256;
/// Of them, four on a processor: 64 registers a thread, with which no kernel spills, and half of all threads there can
/// be.
inline constexpr int usual_blocks = 4;
/// Rows that touch up to this many elements go to a warp: 64 loads a lane, and no barriers between warps.
inline constexpr Index warp_elements = 2048;
/// Above this a block of 1024 threads works on a row, which is then long enough to keep them busy.
inline constexpr Index wide_elements = 1 << 16;
inline constexpr int wide_threads = 1024;
/// Blocks of a grid that strides over a long array: 16 for each of 132 processors of an H200.
inline constexpr Index long_blocks = 2112;

inline Index parts_of(Index count, Index part) { return (count + part - 1) / part; }

template <Scalar S, class F> struct WarpRows {
  static constexpr const char* name = "rows, a warp each";
  static constexpr int most_threads = usual_threads, least_blocks = usual_blocks;
  F f;
  Index count;
  NEUTRA_DEVICE void operator()() const {
    const Index n = Index{block()} * (threads() / warp_size) + thread() / warp_size;
    if (n < count) f(Row<S, Warp>{}, n);
  }
};
template <Scalar S, class F> struct BlockRows {
  static constexpr const char* name = "rows, a block each";
  static constexpr int most_threads = wide_threads, least_blocks = 1;
  F f;
  NEUTRA_DEVICE void operator()() const { f(Row<S, Block>{}, Index{block()}); }
};
template <Scalar S, class F> struct Elements {
  static constexpr const char* name = "elements";
  static constexpr int most_threads = usual_threads, least_blocks = usual_blocks;
  F f;
  NEUTRA_DEVICE void operator()() const { f(LongRow<S>{}, Index{0}); }
};

/// f(row, n) for n = 0 .. count-1      cost: elements touched per row, which alone decides who works on a row
template <Scalar S, class F> void rows(Index count, Index cost, const F& f) {
  if (cost <= warp_elements) {
    constexpr int warps = usual_threads / warp_size;
    launch(Grid{parts_of(count, warps), usual_threads}, WarpRows<S, F>{f, count});
  } else {
    launch(Grid{count, cost <= wide_elements ? usual_threads : wide_threads}, BlockRows<S, F>{f});
  }
}

/// f(row, 0) for one long row that is asked for nothing but each()
template <Scalar S, class F> void elements(Index count, const F& f) {
  launch(Grid{std::min(parts_of(count, usual_threads * Pack<S>::count), long_blocks), usual_threads},
         Elements<S, F>{f});
}

/// The rows that one partial sum adds up.
inline constexpr Index summed_rows = 64;

/// partial[b * cols + c] = sum of f(n, c) over the rows of block b of rows
template <Scalar S, class F> struct ColumnSums {
  static constexpr const char* name = "column_sums";
  static constexpr int most_threads = usual_threads, least_blocks = usual_blocks;
  F f;
  Index count, cols;
  S* partial;
  NEUTRA_DEVICE void operator()() const {
    const Index across = (cols + threads() - 1) / threads(), b = block() / across,
                c = block() % across * threads() + thread();
    if (c >= cols) return;
    const Index end = (b + 1) * summed_rows < count ? (b + 1) * summed_rows : count;
    S total = 0;
    for (Index n = b * summed_rows; n < end; ++n) total += f(n, Lanes<S>{c});
    partial[b * cols + c] = total;
  }
};

/// into[c] = sum over b of partial[b * cols + c]: warp w of a block adds every eighth from w on for 32 columns, then
/// the first warp adds the warps' sums.
template <Scalar S> struct AddPartialSums {
  static constexpr const char* name = "column_sums, the partial sums";
  static constexpr int most_threads = usual_threads, least_blocks = usual_blocks, warps = usual_threads / warp_size;
  const S* partial;
  Index parts, cols;
  Into<S> into;
  NEUTRA_DEVICE void operator()() const {
    NEUTRA_SHARED(S, sums, usual_threads);
    const Index c = Index{block()} * warp_size + thread() % warp_size;
    S total = 0;
    for (Index b = thread() / warp_size; c < cols && b < parts; b += warps) total += partial[b * cols + c];
    sums[thread()] = total;
    barrier();
    if (thread() >= warp_size || c >= cols) return;
    for (int warp = 1; warp < warps; ++warp) total += sums[warp * warp_size + thread()];
    Lanes<S>{c}.write(into, 0, total);
  }
};

/// into[c] = sum over n of f(n, lanes)
template <Scalar S, class F> void column_sums(Index count, Index cols, const F& f, Into<S> into) {
  const Index parts = parts_of(count, summed_rows);
  S* partial = buffer<S>(Buffer::column_sums, parts * cols);
  launch(Grid{parts * parts_of(cols, usual_threads), usual_threads}, ColumnSums<S, F>{f, count, cols, partial});
  launch(Grid{parts_of(cols, warp_size), usual_threads}, AddPartialSums<S>{partial, parts, cols, into});
}

/// The elements that one block adds up.
inline constexpr Index summed_elements = 4096;

/// partial[b] = the sum of block b of x; into = scale times that, for one block
template <class From, Scalar S> struct Sum {
  static constexpr const char* name = "sum";
  static constexpr int most_threads = usual_threads, least_blocks = usual_blocks;
  const From* x;
  Index count;
  double* partial;
  Into<S> into;
  S scale;
  NEUTRA_DEVICE void operator()() const {
    const Index first = Index{block()} * summed_elements;
    const Index end = !partial || first + summed_elements > count ? count : first + summed_elements;
    double total = 0;
    for (Index n = first + thread(); n < end; n += threads()) total += static_cast<double>(x[n]);
    total = of_block(total, Plus());
    if (thread() != 0) return;
    if (partial) {
      partial[block()] = total;
    } else {
      Lanes<S>{0}.write(into, 0, static_cast<S>(static_cast<double>(scale) * total));
    }
  }
};

/// one element: scale * sum of x, added up in double
template <Scalar S> void sum(View<const S> x, S scale, Into<S> into) {
  const Index parts = parts_of(x.size(), summed_elements);
  if (parts <= 1) return launch(Grid{1, usual_threads}, Sum<S, S>{x.data, x.size(), nullptr, into, scale});
  auto* partial = buffer<double>(Buffer::sum, parts);
  launch(Grid{parts, usual_threads}, Sum<S, S>{x.data, x.size(), partial, into, scale});
  launch(Grid{1, usual_threads}, Sum<double, S>{partial, parts, nullptr, into, scale});
}

}}}  // namespace neutra::NEUTRA_ABI::gpu
