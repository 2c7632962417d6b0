/// The element types of matmul: numbers as they are, or rounded to bf16.
///
/// The micro-kernel works on words of the size of a number. A word is one number, or two neighbours in k. Packing and
/// copying turn rows of numbers into words; E::multiply_add multiplies words, and sums are of type E::Number. E::Kernel
/// is the element type whose micro-kernel multiplies these words, E::Stored the one whose layout prepacked weights use.
/// Stored::Element is the type of the numbers that it holds.
#pragma once

#include "neutra/core/scalar.hpp"

#include <xsimd/xsimd.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

/// No rounding: a word is a number.
template <Scalar S> struct Exact {
  using Number = S;
  using Kernel = Exact;
  using Stored = Exact;
  using Element = S;
  static constexpr bool rounds = false;        // whether numbers are rounded to bf16
  static constexpr Index numbers = 1;          // numbers per word
  static constexpr Index panel_vectors = 2;    // vectors of words per step of a panel
  static constexpr bool as_they_stand = true;  // whether a row of numbers is a row of words
  // Whether the kernel needs the words of a row of a to be contiguous even if a is transposed.
  static constexpr bool rows_of_words = false;

  /// Loads one step of a panel, or its first V vectors.
  template <int V> static void load(const S* panel, xsimd::batch<S> (&right)[V]) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) right[v] = xsimd::batch<S>::load_unaligned(panel + v * lanes);
  }
  /// sum += a * b, as a fused multiply-add where the machine has one.
  static void multiply_add(xsimd::batch<S>& sum, const xsimd::batch<S>& a, const xsimd::batch<S>& b) {
#if defined(__AVX512F__)
    // As an intrinsic, g++ 12 spills a vector of b in every step of the 14 x 2 tile: 66 % of peak instead of 90 %.
    if constexpr (sizeof(S) == 4) {
      asm("vfmadd231ps %2, %1, %0" : "+v"(sum.data) : "v"(a.data), "v"(b.data));
    } else {
      asm("vfmadd231pd %2, %1, %0" : "+v"(sum.data) : "v"(a.data), "v"(b.data));
    }
#else
    sum = xsimd::fma(a, b, sum);
#endif
  }

  /// words[i] of one row, from `count` numbers that are neighbours in k.
  static void along(const S* row, Index count, S* words) { std::copy_n(row, count, words); }
  /// words[j] of step k for `count` columns, from its row. `next`, the row of step k + 1, serves words of two numbers
  /// (null after the last row).
  static void across(const S* row, const S* /*next*/, Index count, S* words) { std::copy_n(row, count, words); }
  /// The number at step k and column j of a panel.
  static S number(const S* panel, Index k, Index j) { return panel[k * panel_vectors * lanes + j]; }
  /// row[i] = the number in words[i]; words hold the steps of one column. The second number of a word that serves two
  /// columns goes to row[other + i].
  static void restore(const S* words, S* row, Index /*other*/) { std::copy_n(words, lanes, row); }

 protected:
  static constexpr Index lanes = static_cast<Index>(xsimd::batch<S>::size);
};

/// The lower (0) or upper (1) bf16 of a word.
inline float half(float word, Index which) {
  const auto bits = std::bit_cast<std::uint32_t>(word);
  return std::bit_cast<float>(which == 0 ? bits << 16 : bits & 0xffff0000u);
}

/// Panels of bf16 in half the memory: a word holds the numbers of columns j and j + lanes of one step of k. They are
/// widened to float on load.
struct ColumnPairs : Exact<float> {
  using Kernel = ColumnPairs;
  using Stored = ColumnPairs;
  using Element = bf16;
  static constexpr Index panel_vectors = 1;

  static void load(const float* panel, xsimd::batch<float> (&right)[2]) {
    Words words;
    std::memcpy(&words, panel, sizeof words);
    right[0] = std::bit_cast<typename xsimd::batch<float>::register_type>(words << 16);
    right[1] = std::bit_cast<typename xsimd::batch<float>::register_type>(words & 0xffff0000u);
  }
  static float number(const float* panel, Index k, Index j) { return half(panel[k * lanes + j % lanes], j / lanes); }
  static void restore(const float* words, bf16* row, Index other) {
    const Words both = bits(words);
    const Halves low = __builtin_convertvector(both & 0xffffu, Halves),
                 high = __builtin_convertvector(both >> 16, Halves);
    std::memcpy(static_cast<void*>(row), &low, sizeof low);
    std::memcpy(static_cast<void*>(row + other), &high, sizeof high);
  }
  /// Converts `steps` steps of a panel between words of one rounded number and pairs.
  static void pair(const float* words, Index steps, float* pairs) {
    for (Index k = 0; k < steps; ++k, words += 2 * lanes, pairs += lanes) {
      const Words low = bits(words), high = bits(words + lanes), both = low >> 16 | high;
      std::memcpy(pairs, &both, sizeof both);
    }
  }
  static void widen(const float* pairs, Index steps, float* words) {
    for (Index k = 0; k < steps; ++k, pairs += lanes, words += 2 * lanes) {
      const Words both = bits(pairs), low = both << 16, high = both & 0xffff0000u;
      std::memcpy(words, &low, sizeof low);
      std::memcpy(words + lanes, &high, sizeof high);
    }
  }

 private:
  using Words [[gnu::vector_size(lanes * sizeof(float))]] = std::uint32_t;
  using Halves [[gnu::vector_size(lanes * sizeof(bf16))]] = std::uint16_t;
  static Words bits(const float* from) {
    Words words;
    std::memcpy(&words, from, sizeof words);
    return words;
  }
};

/// bf16 (rounded to nearest even), multiplied as float: for processors on which bf16 dot products are slow or absent.
struct WidenedBf16 : Exact<float> {
  using Stored = ColumnPairs;
  static constexpr bool rounds = true;
  static constexpr bool as_they_stand = false;

  static void along(const float* row, Index count, float* words) { std::transform(row, row + count, words, rounded); }
  static void across(const float* row, const float* /*next*/, Index count, float* words) { along(row, count, words); }
  static void along(const bf16* row, Index count, float* words) {
    std::transform(row, row + count, words, [](bf16 x) { return static_cast<float>(x); });
  }
  static void across(const bf16* row, const bf16* /*next*/, Index count, float* words) { along(row, count, words); }

 private:
  /// float(bf16(x)) in 32-bit operations only, so that loops vectorise without packing to 16 bits.
  static float rounded(float x) {
    const auto word = std::bit_cast<std::uint32_t>(x);
    const bool nan = (word & 0x7fffffffu) > 0x7f800000u;
    return std::bit_cast<float>((nan ? word | 0x00400000u : word + 0x7fffu + ((word >> 16) & 1u)) & 0xffff0000u);
  }
};

#if defined(__AVX512BF16__)
/// bf16 (rounded to nearest even; subnormals flushed to zero), accumulated in float. A word is a pair of them, stored
/// as the bits of a float. The instruction rounds the sum of a word's two products in its own way.
/// Intel SDM, VDPBF16PS
struct Bf16 {
  using Number = float;
  using Kernel = Bf16;
  using Stored = Bf16;
  using Element = bf16;
  static constexpr bool rounds = true;
  static constexpr Index numbers = 2;
  static constexpr Index panel_vectors = 2;
  static constexpr bool as_they_stand = false;
#if defined(NEUTRA_AMX)
  static constexpr bool rows_of_words = true;
#else
  static constexpr bool rows_of_words = false;
#endif

  template <int V> static void load(const float* panel, xsimd::batch<float> (&right)[V]) {
    Exact<float>::load(panel, right);
  }
  static void multiply_add(xsimd::batch<float>& sum, const xsimd::batch<float>& a, const xsimd::batch<float>& b) {
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum.data) : "v"(a.data), "v"(b.data));
  }
  static void along(const float* row, Index count, float* words) {
    Index i = 0;
    for (; i + 32 <= count; i += 32)
      store(words + i / 2, pairs(_mm512_loadu_ps(row + i), _mm512_loadu_ps(row + i + 16)));
    if (i == count) return;
    const Index left = count - i, low = std::min<Index>(left, 16), high = left - low;
    _mm512_mask_storeu_ps(
        words + i / 2, first((left + 1) / 2),
        pairs(_mm512_maskz_loadu_ps(first(low), row + i), _mm512_maskz_loadu_ps(first(high), row + i + low)));
  }
  static void across(const float* row, const float* next, Index count, float* words) {
    Index j = 0;
    for (; j + 16 <= count; j += 16)
      store(words + j, paired(_mm512_loadu_ps(row + j), next ? _mm512_loadu_ps(next + j) : _mm512_setzero_ps()));
    if (j == count) return;
    const __mmask16 left = first(count - j);
    const __m512 high = next ? _mm512_maskz_loadu_ps(left, next + j) : _mm512_setzero_ps();
    _mm512_mask_storeu_ps(words + j, left, paired(_mm512_maskz_loadu_ps(left, row + j), high));
  }
  /// For a row stored as bf16.
  static void along(const bf16* row, Index count, float* words) {
    Index i = 0;
    for (; i + 32 <= count; i += 32) _mm512_storeu_si512(words + i / 2, _mm512_loadu_si512(row + i));
    if (i == count) return;
    const auto left = static_cast<__mmask32>((std::uint64_t{1} << (count - i)) - 1);
    _mm512_mask_storeu_ps(words + i / 2, first((count - i + 1) / 2),
                          _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(left, row + i)));
  }
  static void across(const bf16* row, const bf16* next, Index count, float* words) {
    Index j = 0;
    for (; j + 16 <= count; j += 16)
      store(words + j, beside(load(row + j), next ? load(next + j) : _mm256_setzero_si256()));
    if (j == count) return;
    const __mmask16 left = first(count - j);
    const __m256i high = next ? _mm256_maskz_loadu_epi16(left, next + j) : _mm256_setzero_si256();
    _mm512_mask_storeu_ps(words + j, left, beside(_mm256_maskz_loadu_epi16(left, row + j), high));
  }
  static float number(const float* panel, Index k, Index j) { return half(panel[k / 2 * 32 + j], k % 2); }
  static void restore(const float* words, bf16* row, Index /*other*/) {
    std::memcpy(static_cast<void*>(row), words, 16 * sizeof(float));
  }

 private:
  static __mmask16 first(Index count) { return static_cast<__mmask16>((1u << count) - 1u); }
  static __m512 pairs(__m512 low, __m512 high) { return std::bit_cast<__m512>(_mm512_cvtne2ps_pbh(high, low)); }
  /// Interleaves: word j is the pair of low[j] and high[j].
  static __m512 paired(__m512 low, __m512 high) {
    return beside(std::bit_cast<__m256i>(_mm512_cvtneps_pbh(low)), std::bit_cast<__m256i>(_mm512_cvtneps_pbh(high)));
  }
  static __m512 beside(__m256i low, __m256i high) {
    return _mm512_castsi512_ps(
        _mm512_or_si512(_mm512_cvtepu16_epi32(low), _mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16)));
  }
  static __m256i load(const bf16* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  static void store(float* words, __m512 pairs) { _mm512_storeu_ps(words, pairs); }
};
#else
using Bf16 = WidenedBf16;
#endif

}}}  // namespace neutra::NEUTRA_ABI::cpu
