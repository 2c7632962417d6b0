/// xsimd batches as value types of the math functions, and "lanes": groups of neighbouring elements of a row. Together
/// with element.hpp, tile.hpp, amx.hpp and micro_kernel.hpp the only place that computes with xsimd; names that changed
/// between versions of xsimd are handled here.
#pragma once

#include "neutra/core/math.hpp"
#include "neutra/core/view.hpp"

#include <xsimd/xsimd.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

namespace neutra { inline namespace NEUTRA_ABI {

namespace math {

template <class S, class A> struct Functions<xsimd::batch<S, A>> {
  using V = xsimd::batch<S, A>;
  static V exp(V x) { return xsimd::exp(x); }
  static V log(V x) { return xsimd::log(x); }
  static V log1p(V x) { return xsimd::log1p(x); }
  static V tanh(V x) { return xsimd::tanh(x); }
  static V erf(V x) { return xsimd::erf(x); }
  static V sqrt(V x) { return xsimd::sqrt(x); }
  static V abs(V x) { return xsimd::abs(x); }
  static V min(V x, V y) { return xsimd::min(x, y); }
  static V max(V x, V y) { return xsimd::max(x, y); }
  static V select(typename V::batch_bool_type condition, V yes, V no) { return xsimd::select(condition, yes, no); }
};

}  // namespace math

namespace cpu {

/// The number of elements of a value type, and its loads and stores. A scalar is a batch of one.
template <class V> struct Batch;

template <Scalar S> struct Batch<S> {
  static constexpr Index width = 1;
  template <class T> static S load(const T* from) { return static_cast<S>(*from); }
  template <class T> static void store(T* to, S v) { *to = static_cast<T>(v); }
};

template <class S, class A> struct Batch<xsimd::batch<S, A>> {
  using V = xsimd::batch<S, A>;
  static constexpr Index width = static_cast<Index>(V::size);
  static V load(const S* from) { return V::load_unaligned(from); }
  static void store(S* to, V v) { v.store_unaligned(to); }

  /// bf16 in memory, float in registers.
  static V load(const bf16* from) {
    Halves halves;
    std::memcpy(&halves, from, sizeof halves);
    return V(std::bit_cast<typename V::register_type>(__builtin_convertvector(halves, Words) << 16));
  }
  static void store(bf16* to, V v) {
#if defined(__AVX512BF16__)
    const auto halves = _mm512_cvtneps_pbh(v.data);  // flushes subnormals to zero
#else
    const auto words = std::bit_cast<Words>(v.data);
    const Words nan = words | 0x00400000u, nearest = words + 0x7fffu + ((words >> 16) & 1u);
    const Halves halves = __builtin_convertvector(((words & 0x7fffffffu) > 0x7f800000u ? nan : nearest) >> 16, Halves);
#endif
    std::memcpy(static_cast<void*>(to), &halves, sizeof halves);
  }

 private:
  template <class N> struct Bits { using Type [[gnu::vector_size(V::size * sizeof(N))]] = N; };
  using Words = typename Bits<std::uint32_t>::Type;
  using Halves = typename Bits<std::uint16_t>::Type;
};

/// The value type of a loop over S: the target's widest batch, or the scalar itself (the same loops, for comparison).
struct Simd {
  template <Scalar S> using Value = xsimd::batch<S>;
};
struct NoSimd {
  template <Scalar S> using Value = S;
};

/// Elements i .. i + count - 1 of a row as one value V; count < width only at the end of a row (Full = false). Lanes
/// beyond count load as zero and are not stored, so that every element goes through the same arithmetic wherever it is.
/// A row is stored as S or as bf16.
template <Scalar S, class V, bool Full> struct Lanes {
  static constexpr Index width = Batch<V>::width;
  Index i;
  Index count;

  template <class T> V load(const T* row) const {
    if constexpr (Full) {
      return Batch<V>::load(row + i);
    } else {
      alignas(64) T part[width] = {};
      std::copy_n(row + i, count, part);
      return Batch<V>::load(part);
    }
  }
  template <class T> void store(T* row, V v) const {
    if constexpr (Full) {
      Batch<V>::store(row + i, v);
    } else {
      alignas(64) T part[width];
      Batch<V>::store(part, v);
      std::copy_n(part, count, row + i);
    }
  }
  template <class T> void fill(T* row, S value) const { store(row, V(value)); }
  /// Overwrites or adds, depending on `into`.
  template <class T> void write(const Into<T>& into, Index n, V v) const {
    store(into.view.row(n), into.add ? load(into.view.row(n)) + v : v);
  }
};

}  // namespace cpu
}}  // namespace neutra::NEUTRA_ABI
