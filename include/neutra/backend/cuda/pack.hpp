/// Four neighbouring numbers as one value, which a thread loads and stores at once where they are aligned.
#pragma once

#include "neutra/backend/cuda/row.hpp"
#include "neutra/core/math.hpp"

#include <cstdint>

namespace neutra { inline namespace NEUTRA_ABI {
namespace gpu {

/// The results of comparing two packs.
struct Choice {
  bool x[4];
  friend NEUTRA_HD Choice operator&&(Choice a, Choice b) {
    return {{a.x[0] && b.x[0], a.x[1] && b.x[1], a.x[2] && b.x[2], a.x[3] && b.x[3]}};
  }
  friend NEUTRA_HD Choice operator||(Choice a, Choice b) {
    return {{a.x[0] || b.x[0], a.x[1] || b.x[1], a.x[2] || b.x[2], a.x[3] || b.x[3]}};
  }
  NEUTRA_HD Choice operator!() const { return {{!x[0], !x[1], !x[2], !x[3]}}; }
};

template <Scalar S> struct Pack {
  static constexpr int count = 4;
  S x[count];

  Pack() = default;
  NEUTRA_HD Pack(S all) : x{all, all, all, all} {}

  NEUTRA_HD Pack operator-() const {
    return map(*this, [](S a) { return -a; });
  }
  friend NEUTRA_HD Pack operator+(Pack a, Pack b) {
    return map(a, b, [](S s, S t) { return s + t; });
  }
  friend NEUTRA_HD Pack operator-(Pack a, Pack b) {
    return map(a, b, [](S s, S t) { return s - t; });
  }
  friend NEUTRA_HD Pack operator*(Pack a, Pack b) {
    return map(a, b, [](S s, S t) { return s * t; });
  }
  friend NEUTRA_HD Pack operator/(Pack a, Pack b) {
    return map(a, b, [](S s, S t) { return s / t; });
  }
  friend NEUTRA_HD Choice operator<(Pack a, Pack b) {
    return {{a.x[0] < b.x[0], a.x[1] < b.x[1], a.x[2] < b.x[2], a.x[3] < b.x[3]}};
  }
  friend NEUTRA_HD Choice operator<=(Pack a, Pack b) {
    return {{a.x[0] <= b.x[0], a.x[1] <= b.x[1], a.x[2] <= b.x[2], a.x[3] <= b.x[3]}};
  }
  friend NEUTRA_HD Choice operator==(Pack a, Pack b) {
    return {{a.x[0] == b.x[0], a.x[1] == b.x[1], a.x[2] == b.x[2], a.x[3] == b.x[3]}};
  }
  friend NEUTRA_HD Choice operator>(Pack a, Pack b) { return b < a; }
  friend NEUTRA_HD Choice operator>=(Pack a, Pack b) { return b <= a; }
  friend NEUTRA_HD Choice operator!=(Pack a, Pack b) { return !(a == b); }

  template <class F> NEUTRA_HD static Pack map(Pack a, F f) {
    NEUTRA_UNROLL
    for (int k = 0; k < count; ++k) a.x[k] = f(a.x[k]);
    return a;
  }
  template <class F> NEUTRA_HD static Pack map(Pack a, Pack b, F f) {
    NEUTRA_UNROLL
    for (int k = 0; k < count; ++k) a.x[k] = f(a.x[k], b.x[k]);
    return a;
  }
};

/// Elements i .. i + 3 of a row, with the interface of the lanes of cpu/simd.hpp.
template <Scalar S> struct PackLanes {
  Index i;
  Index count = Pack<S>::count;

  template <class T> NEUTRA_HD Pack<S> load(const T* row) const {
    Four<T> from;
    if (aligned(row + i)) {
      from = *reinterpret_cast<const Four<T>*>(row + i);
    } else {
      NEUTRA_UNROLL
      for (int k = 0; k < Pack<S>::count; ++k) from.x[k] = row[i + k];
    }
    Pack<S> value;
    NEUTRA_UNROLL
    for (int k = 0; k < Pack<S>::count; ++k) value.x[k] = converted<S>(from.x[k]);
    return value;
  }
  template <class T> NEUTRA_HD void store(T* row, Pack<S> value) const {
    Four<T> to;
    NEUTRA_UNROLL
    for (int k = 0; k < Pack<S>::count; ++k) to.x[k] = converted<T>(value.x[k]);
    if (aligned(row + i)) {
      *reinterpret_cast<Four<T>*>(row + i) = to;
    } else {
      NEUTRA_UNROLL
      for (int k = 0; k < Pack<S>::count; ++k) row[i + k] = to.x[k];
    }
  }
  template <class T> NEUTRA_HD void fill(T* row, S value) const { store(row, Pack<S>(value)); }
  template <class T> NEUTRA_HD void write(const Into<T>& into, Index n, Pack<S> value) const {
    T* const row = into.view.row(n);
    store(row, into.add ? load(row) + value : value);
  }

 private:
  template <class T> struct alignas(sizeof(T) < 4 ? 4 * sizeof(T) : 16) Four {
    T x[Pack<S>::count];
  };  // 16: a load's most
  template <class T> NEUTRA_HD static bool aligned(const T* at) {
    return reinterpret_cast<std::uintptr_t>(at) % alignof(Four<T>) == 0;
  }
};

/// One long row for all threads of a grid, four elements a thread.
template <Scalar S> struct LongRow {
  template <class F> NEUTRA_DEVICE void each(Index n, F f) const {
    const Index first = Index{block()} * threads() + thread(), step = Index{blocks()} * threads(),
                packs = n / Pack<S>::count;
    for (Index p = first; p < packs; p += step) f(PackLanes<S>{p * Pack<S>::count});
    for (Index i = packs * Pack<S>::count + first; i < n; i += step) f(Lanes<S>{i});
  }
};

}  // namespace gpu

namespace math {

template <Scalar S> struct Functions<gpu::Pack<S>> {
  using V = gpu::Pack<S>;
  using One = Functions<S>;
  NEUTRA_HD static V exp(V x) {
    return V::map(x, [](S a) { return One::exp(a); });
  }
  NEUTRA_HD static V log(V x) {
    return V::map(x, [](S a) { return One::log(a); });
  }
  NEUTRA_HD static V log1p(V x) {
    return V::map(x, [](S a) { return One::log1p(a); });
  }
  NEUTRA_HD static V tanh(V x) {
    return V::map(x, [](S a) { return One::tanh(a); });
  }
  NEUTRA_HD static V erf(V x) {
    return V::map(x, [](S a) { return One::erf(a); });
  }
  NEUTRA_HD static V sqrt(V x) {
    return V::map(x, [](S a) { return One::sqrt(a); });
  }
  NEUTRA_HD static V abs(V x) {
    return V::map(x, [](S a) { return One::abs(a); });
  }
  NEUTRA_HD static V min(V x, V y) {
    return V::map(x, y, [](S a, S b) { return One::min(a, b); });
  }
  NEUTRA_HD static V max(V x, V y) {
    return V::map(x, y, [](S a, S b) { return One::max(a, b); });
  }
  NEUTRA_HD static V select(gpu::Choice condition, V yes, V no) {
    NEUTRA_UNROLL
    for (int k = 0; k < V::count; ++k) no.x[k] = condition.x[k] ? yes.x[k] : no.x[k];
    return no;
  }
};

}  // namespace math
}}  // namespace neutra::NEUTRA_ABI
