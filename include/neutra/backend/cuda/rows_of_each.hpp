/// Rows of several arrays in one launch. The arrays are listed in the kernel itself, so that nothing is uploaded.
#pragma once

#include "neutra/backend/backend.hpp"
#include "neutra/backend/cuda/loops.hpp"

#include <limits>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

/// A row of the threads of a block, each of which takes four neighbouring elements at a time.
template <Scalar S> struct PackedRow {
  template <class F> NEUTRA_DEVICE void each(Index n, F f) const {
    const Index packs = n / Pack<S>::count;
    for (Index p = Block::rank(); p < packs; p += Block::size()) f(PackLanes<S>{p * Pack<S>::count});
    if (const Index i = packs * Pack<S>::count + Block::rank(); i < n) f(Lanes<S>{i});  // at most three are left
  }
  template <class F> NEUTRA_DEVICE void once(F f) const { Row<S, Block>().once(f); }
  template <class F> NEUTRA_DEVICE S sum(Index n, F f) const { return combined(n, f, S(0), Plus()); }
  template <class F> NEUTRA_DEVICE S max(Index n, F f) const {
    return combined(n, f, -std::numeric_limits<S>::infinity(), Larger());
  }

 private:
  template <class F, class Combine> NEUTRA_DEVICE S combined(Index n, F f, S neutral, Combine combine) const {
    Pack<S> four(neutral);
    S one = neutral;
    const Index packs = n / Pack<S>::count;
    for (Index p = Block::rank(); p < packs; p += Block::size())
      four = Pack<S>::map(four, Pack<S>(f(PackLanes<S>{p * Pack<S>::count})), combine);
    if (const Index i = packs * Pack<S>::count + Block::rank(); i < n) one = static_cast<S>(f(Lanes<S>{i}));
    for (const S x : four.x) one = combine(one, x);
    return Block::all(one, combine);
  }
};

template <Scalar S, class F> struct RowsOfEach {
  static constexpr const char* name = "rows of several arrays, a block each";
  /// Four doubles at a time do not fit into 64 registers, but into the 80 of three blocks.
  static constexpr int most_threads = usual_threads, least_blocks = sizeof(S) == 8 ? 3 : usual_blocks;
  struct Array {
    F f;
    Index first;  // of its blocks
  };
  static constexpr int most = static_cast<int>((most_kernel_bytes - sizeof(Index)) / sizeof(Array));
  Array arrays[most];
  int count;

  NEUTRA_DEVICE void operator()() const {
    int at = 0;  // the last whose first block is not after this one
    for (int end = count; end - at > 1;) {
      const int middle = (at + end) / 2;
      (arrays[middle].first <= block() ? at : end) = middle;
    }
    arrays[at].f(PackedRow<S>{}, block() - arrays[at].first);
  }
};

/// f(row, n) for the rows of each array, in as few launches as their number allows
template <Scalar S, class F> void rows_of_each(const std::vector<RowsOf<F>>& loops) {
  RowsOfEach<S, F> kernel{};
  Index blocks = 0;
  const auto run = [&] {
    if (blocks > 0) launch(Grid{blocks, usual_threads}, kernel);
    kernel.count = 0;
    blocks = 0;
  };
  for (const RowsOf<F>& loop : loops) {
    if (loop.count == 0) continue;
    if (kernel.count == kernel.most) run();
    kernel.arrays[kernel.count++] = {loop.f, blocks};
    blocks += loop.count;
  }
  run();
}

}}}  // namespace neutra::NEUTRA_ABI::gpu
