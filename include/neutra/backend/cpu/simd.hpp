/// xsimd's batches as value types of the math functions, and groups of neighbouring elements ("lanes") of a row.
/// With element.hpp and micro_kernel.hpp the only place that computes with xsimd; names that changed between its versions are absorbed here.
#pragma once

#include "neutra/core/math.hpp"
#include "neutra/core/view.hpp"

#include <xsimd/xsimd.hpp>

#include <algorithm>

namespace neutra::inline NEUTRA_ABI {

namespace math {

template <class S, class A> struct Functions<xsimd::batch<S, A>> {
  using V = xsimd::batch<S, A>;
  static V exp(V x) { return xsimd::exp(x); }
  static V log(V x) { return xsimd::log(x); }
  static V log1p(V x) { return xsimd::log1p(x); }
  static V tanh(V x) { return xsimd::tanh(x); }
  static V sqrt(V x) { return xsimd::sqrt(x); }
  static V abs(V x) { return xsimd::abs(x); }
  static V min(V x, V y) { return xsimd::min(x, y); }
  static V max(V x, V y) { return xsimd::max(x, y); }
  static V select(typename V::batch_bool_type condition, V yes, V no) { return xsimd::select(condition, yes, no); }
};

}  // namespace math

namespace cpu {

/// How many elements a value type holds, and its way to memory: a scalar is a batch of one.
template <class V> struct Batch;

template <Scalar S> struct Batch<S> {
  static constexpr Index width = 1;
  static S load(const S* from) { return *from; }
  static void store(S* to, S v) { *to = v; }
};

template <class S, class A> struct Batch<xsimd::batch<S, A>> {
  static constexpr Index width = static_cast<Index>(xsimd::batch<S, A>::size);
  static xsimd::batch<S, A> load(const S* from) { return xsimd::batch<S, A>::load_unaligned(from); }
  static void store(S* to, xsimd::batch<S, A> v) { v.store_unaligned(to); }
};

/// Which value type a loop uses for S: the widest batch of the target, or the scalar itself (the same loops, for comparison).
struct Simd {
  template <Scalar S> using Value = xsimd::batch<S>;
};
struct NoSimd {
  template <Scalar S> using Value = S;
};

/// Elements i .. i + count - 1 of a row as one value V; count < width only at the end of a row (Full = false).
/// Lanes beyond count read as zero and are not stored, so every element goes through the same arithmetic wherever it stands.
template <Scalar S, class V, bool Full> struct Lanes {
  static constexpr Index width = Batch<V>::width;
  Index i;
  Index count;

  V load(const S* row) const {
    if constexpr (Full) {
      return Batch<V>::load(row + i);
    } else {
      alignas(64) S part[width] = {};
      std::copy_n(row + i, count, part);
      return Batch<V>::load(part);
    }
  }
  void store(S* row, V v) const {
    if constexpr (Full) {
      Batch<V>::store(row + i, v);
    } else {
      alignas(64) S part[width];
      Batch<V>::store(part, v);
      std::copy_n(part, count, row + i);
    }
  }
  void fill(S* row, S value) const { store(row, V(value)); }
  /// Replaces or adds, as `into` says.
  void write(const Into<S>& into, Index n, V v) const { store(into.view.row(n), into.add ? load(into.view.row(n)) + v : v); }
};

}  // namespace cpu
}  // namespace neutra::inline NEUTRA_ABI
