/// Products of few rows with a quantised weight, as in generation: it is dequantised in registers.
#pragma once

#include "neutra/backend/cpu/multiply.hpp"
#include "neutra/backend/cpu/quantised.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu { namespace detail {

/// The rows up to which this pays: dequantising is repeated for each task, not for each row.
inline constexpr Index few_rows = 4;

/// Dequantised numbers as a vector, rounded as E rounds.
template <class E, Scalar S> xsimd::batch<S> rounded_as(typename Strip<S>::Numbers numbers) {
  if constexpr (E::rounds) numbers = Strip<S>::rounded(numbers);
  return xsimd::batch<S>(std::bit_cast<typename xsimd::batch<S>::register_type>(numbers));
}

/// R rows of words by `strips` strips of outputs from strip `first` on: chains of multiply_add in the order of k, from
/// zero in each block of it, as the micro-kernel of other products.      a: (R, depth)
template <class E, class Q, int R, Scalar S> struct FewRows {
  // Independent sums hide the latency of multiply_add: 4 cycles at one step per cycle.
  static constexpr int strips = R <= 2 ? 4 : 2;
  static constexpr int per_word = 32 / Q::bits;
  static constexpr Index lanes = Tile<S>::lanes;
  using Vector = xsimd::batch<S>;

  const Product<S>& p;
  const Quantised<S>& w;
  const S* a;

  void operator()(Index first) const {
    const Blocks<S> blocks{p.depth};
    for (Index block = 0; block < blocks.count; ++block) {
      Vector sum[R][strips];
      for (auto& row : sum) std::fill_n(row, strips, Vector(S(0)));
      for (Index k = blocks.begin(block), end = blocks.begin(block + 1); k < end;) {
        const Index next = std::min(end, (k / block_inputs + 1) * block_inputs);
        add_inputs(first, k / block_inputs, k % block_inputs, next - k / block_inputs * block_inputs, sum);
        k = next;
      }
      store(first, block, block + 1 == blocks.count, sum);
    }
  }

 private:
  /// Adds inputs i .. end - 1 of a block of 32.
  [[gnu::always_inline]] void add_inputs(Index first, Index block, Index i, Index end, Vector (&sum)[R][strips]) const {
    typename Strip<S>::Numbers scale[strips];
    const std::uint32_t* from[strips];
#pragma GCC unroll 4
    for (int s = 0; s < strips; ++s) {  // strips beyond the last repeat it, and are not stored
      const Index strip = std::min(first + s, w.strips() - 1);
      scale[s] = Strip<S>::scales(w.scales(strip, block));
      from[s] = w.template words<Q>(strip, block);
    }
    const S* const left = a + block * block_inputs;
    const auto add = [&](Index word, int part) __attribute__((always_inline)) {
#pragma GCC unroll 4
      for (int s = 0; s < strips; ++s) {
        const Vector right = rounded_as<E, S>(Strip<S>::template integers<Q>(from[s] + word * lanes, part) * scale[s]);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r)
          E::multiply_add(sum[r][s], Vector(left[r * p.depth + word * per_word + part]), right);
      }
    };
    while (i < end) {
      const Index word = i / per_word, next = std::min(end, (word + 1) * per_word);
      if (next - i == per_word) {
#pragma GCC unroll 8
        for (int part = 0; part < per_word; ++part) add(word, part);
      } else {
        for (; i < next; ++i) add(word, static_cast<int>(i % per_word));
      }
      i = next;
    }
  }
  void store(Index first, Index block, bool last, const Vector (&sum)[R][strips]) const {
    for (Index s = 0; s < strips && first + s < w.strips(); ++s) {
      const Index column = (first + s) * lanes;
      alignas(64) S sums[R * lanes];
      for (int r = 0; r < R; ++r) sum[r][s].store_aligned(sums + r * lanes);
      const bool addend = last && p.addend.data;
      const TileTask<S> task{.depth = 0,
                             .a = nullptr,
                             .a_row = 0,
                             .a_step = 0,
                             .b = nullptr,
                             .c = p.c.from(0, column),
                             .addend = addend ? p.addend.from(0, column) : Strided<const void>{},
                             .add = p.add || block > 0,
                             .columns = static_cast<int>(std::min(lanes, p.columns - column))};
      with_dtype<S>(p.c.dtype, [&]<class T>() { finish_tile<T>(task, sums, R, int{lanes}); });
    }
  }
};

template <class E, int R, Scalar S> void multiply_few_rows(const Product<S>& p, const Quantised<S>& w) {
  S* const words = scratch<S, Scratch::panels>(R * p.depth);
  read<E>(p.a, [&](const auto& x) {
    for (Index r = 0; r < R; ++r) E::along(x.row(r), p.depth, words + r * p.depth);
  });
  w.format().visit([&]<class Q>() {
    using Task = FewRows<E, Q, R, S>;
    const Index tasks = (w.strips() + Task::strips - 1) / Task::strips;
    for_each<Schedule::tasks>(threads_for(p.rows * p.columns * p.depth, parallel_steps), tasks,
                              [&, task = Task{p, w, words}](Index index) { task(index * Task::strips); });
  });
}

/// The product with a quantised weight. Few rows and words of one number: in registers; otherwise panel by panel.
template <class E, Scalar S> void multiply_quantised(const Product<S>& p, const QuantisedOperand<S>& b) {
  if constexpr (E::numbers == 1) {
    if (b.transposed && !p.a.transposed && p.rows <= few_rows) {
      if (p.rows == 1) return multiply_few_rows<E, 1>(p, *b.weight);
      if (p.rows == 2) return multiply_few_rows<E, 2>(p, *b.weight);
      if (p.rows == 3) return multiply_few_rows<E, 3>(p, *b.weight);
      return multiply_few_rows<E, 4>(p, *b.weight);
    }
  }
  multiply_unpacked<E>(p, b);
}

}}}}  // namespace neutra::NEUTRA_ABI::cpu::detail
