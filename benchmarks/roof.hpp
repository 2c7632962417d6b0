// The best that a machine can do, measured in the same run as the subject,
// because clocks drift and machines are shared.
#pragma once

#include "neutra/backend/cpu/panels.hpp"
#include "neutra/core/tensor.hpp"

#include <omp.h>

#include <algorithm>
#include <ctime>
#include <vector>

namespace roof {

using neutra::Index;

/// With one thread its CPU time, which excludes time that the machine gave to other programs;
/// with several, the elapsed time.
inline double seconds(int threads) {
  timespec now;
  clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

/// The q-quantile of the values.
inline double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
}

/// Multiply-adds per second of all threads, with the elements E of matmul (see element.hpp): 28 or 12 independent
/// chains, well above latency times number of units.
template <class E> double multiply_adds(int threads) {
  using S = typename E::Number;
  constexpr int chains = neutra::cpu::Tile<S>::rows == 14 ? 28 : 12, rounds = 10000;
  const double start = seconds(threads);
#pragma omp parallel num_threads(threads)
  {
    S ones[xsimd::batch<S>::size], words[xsimd::batch<S>::size];  // 1, and pairs of 1 if a word is two numbers
    std::fill_n(ones, xsimd::batch<S>::size, S(1));
    for (S& word : words) E::along(ones, E::numbers, &word);
    xsimd::batch<S> sum[chains];
    const auto a = xsimd::batch<S>::load_unaligned(words);
#pragma GCC unroll 28
    for (int i = 0; i < chains; ++i) sum[i] = xsimd::batch<S>(S(i));
    for (int round = 0; round < rounds; ++round) {
#pragma GCC unroll 28
      for (int i = 0; i < chains; ++i) E::multiply_add(sum[i], a, a);
    }
    S kept[xsimd::batch<S>::size];
#pragma GCC unroll 28
    for (int i = 0; i < chains; ++i) {
      sum[i].store_unaligned(kept);
      asm volatile("" : : "r"(kept) : "memory");
    }
  }
  return double(rounds) * chains * double(xsimd::batch<S>::size) * E::numbers * threads / (seconds(threads) - start);
}

using Float = neutra::cpu::Exact<float>;
using Double = neutra::cpu::Exact<double>;

/// In float, or in bf16 the way this machine multiplies it.
inline double multiply_adds(bool bf16, int threads) {
  double rate = 0;
  neutra::cpu::detail::with_element<float>(bf16 ? neutra::DType::bf16 : neutra::DType::f32,
                                           [&]<class E>() { rate = multiply_adds<E>(threads); });
  return rate;
}

/// Bytes per second of one pass over arrays of n floats, separate for each thread: their sum, storing a constant,
/// copying, a = b + 3 c. The read that a store causes of its cache line is not counted.
enum class Pass { read, write, copy, triad };

template <Pass pass> double bandwidth(Index n, int threads) {
  using V = xsimd::batch<float>;
  constexpr Index lanes = static_cast<Index>(V::size), stretch = 4 * lanes,
                  arrays = pass == Pass::triad  ? 3
                           : pass == Pass::copy ? 2
                                                : 1;
  const Index rounds = std::max<Index>(1, (Index{1} << 25) / (n * arrays));
  n = n / stretch * stretch;
  std::vector<double> took(static_cast<std::size_t>(threads));
#pragma omp parallel num_threads(threads)
  {
    neutra::Tensor<float> memory(neutra::Shape{arrays, n});
    std::fill_n(memory.data(), memory.size(), 1.0f);
    [[maybe_unused]] float *a = memory.data(), *b = a + (arrays > 1 ? n : 0), *c = a + (arrays > 2 ? 2 * n : 0);
#pragma omp barrier
    const double start = seconds(threads);
    for (Index round = 0; round < rounds; ++round) {
      V sums[4] = {V(0.f), V(0.f), V(0.f), V(0.f)};
      for (Index i = 0; i < n; i += stretch)
#pragma GCC unroll 4
        for (Index k = 0; k < 4; ++k) {
          const Index at = i + k * lanes;
          if constexpr (pass == Pass::read) sums[k] += V::load_aligned(a + at);
          if constexpr (pass == Pass::write) V(2.f).store_aligned(a + at);
          if constexpr (pass == Pass::copy) V::load_aligned(b + at).store_aligned(a + at);
          if constexpr (pass == Pass::triad)
            xsimd::fma(V(3.f), V::load_aligned(c + at), V::load_aligned(b + at)).store_aligned(a + at);
        }
      float kept[lanes];
      (sums[0] + sums[1] + sums[2] + sums[3]).store_unaligned(kept);
      asm volatile("" : : "r"(a), "r"(kept) : "memory");
    }
    took[static_cast<std::size_t>(omp_get_thread_num())] = seconds(threads) - start;
  }
  return double(rounds * arrays * n) * sizeof(float) * threads / *std::max_element(took.begin(), took.end());
}

/// The time of an empty parallel region, in seconds.
inline double fork_and_join(int threads) {
  constexpr int rounds = 2000;
  const double start = seconds(2);
  for (int i = 0; i < rounds; ++i) {
#pragma omp parallel num_threads(threads)
    asm volatile("");
  }
  return (seconds(2) - start) / rounds;
}

}  // namespace roof
