/// The row that functors get: a warp or a block of threads, one element a thread. Reductions are made in an order that
/// depends only on the number of elements and of threads.
///
/// each() gives element i of every call to the same thread, so that a functor may read what it wrote there. What it
/// wrote elsewhere in the row can be read after once(), sum() or max().
#pragma once

#include "neutra/backend/cuda/device_code.hpp"
#include "neutra/core/view.hpp"

#include <limits>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

/// A number in the type of another, either of them stored as bf16.
template <class To, class From> NEUTRA_HD To converted(From x) {
  if constexpr (std::is_same_v<To, From>)
    return x;
  else if constexpr (std::is_same_v<From, bf16>)
    return static_cast<To>(static_cast<float>(x));
  else if constexpr (std::is_same_v<To, bf16>)
    return bf16(static_cast<float>(x));
  else
    return static_cast<To>(x);
}

/// Element i of a row, with the interface of the lanes of cpu/simd.hpp.
template <Scalar S> struct Lanes {
  Index i;
  Index count = 1;

  template <class T> NEUTRA_HD S load(const T* row) const { return converted<S>(row[i]); }
  template <class T> NEUTRA_HD void store(T* row, S value) const { row[i] = converted<T>(value); }
  template <class T> NEUTRA_HD void fill(T* row, S value) const { store(row, value); }
  template <class T> NEUTRA_HD void write(const Into<T>& into, Index n, S value) const {
    T* const row = into.view.row(n);
    store(row, into.add ? load(row) + value : value);
  }
};

struct Plus {
  template <class T> NEUTRA_HD T operator()(T a, T b) const { return a + b; }
};
struct Larger {
  template <class T> NEUTRA_HD T operator()(T a, T b) const { return a < b ? b : a; }
};

/// Of all lanes of the warp, by halves; every lane gets the same bits.
template <class T, class Combine> NEUTRA_DEVICE T of_warp(T own, Combine combine) {
  for (int lanes = warp_size / 2; lanes > 0; lanes /= 2) {
    const T other = shuffle_xor(own, lanes);
    own = thread() & lanes ? combine(other, own) : combine(own, other);
  }
  return own;
}

/// Of all threads of the block: warp by warp, then in the order of warps.
template <class T, class Combine> NEUTRA_DEVICE T of_block(T own, Combine combine) {
  NEUTRA_SHARED(T, parts, warp_size);
  own = of_warp(own, combine);
  barrier();  // until all have read the parts of an earlier call
  if (thread() % warp_size == 0) parts[thread() / warp_size] = own;
  barrier();
  T all = parts[0];
  for (int warp = 1; warp < threads() / warp_size; ++warp) all = combine(all, static_cast<T>(parts[warp]));
  return all;
}

struct Warp {
  NEUTRA_DEVICE static int rank() { return thread() % warp_size; }
  NEUTRA_DEVICE static int size() { return warp_size; }
  NEUTRA_DEVICE static void meet() { warp_barrier(); }
  template <class T, class Combine> NEUTRA_DEVICE static T all(T own, Combine combine) { return of_warp(own, combine); }
};
struct Block {
  NEUTRA_DEVICE static int rank() { return thread(); }
  NEUTRA_DEVICE static int size() { return threads(); }
  NEUTRA_DEVICE static void meet() { barrier(); }
  template <class T, class Combine> NEUTRA_DEVICE static T all(T own, Combine combine) {
    return of_block(own, combine);
  }
};

/// A row of the threads of Team, with the interface of cpu/rows.hpp.
template <Scalar S, class Team> struct Row {
  template <class F> NEUTRA_DEVICE void each(Index n, F f) const {
    for (Index i = Team::rank(); i < n; i += Team::size()) f(Lanes<S>{i});
  }
  template <class F> NEUTRA_DEVICE void once(F f) const {
    Team::meet();
    if (Team::rank() == 0) f();
    Team::meet();
  }
  template <class F> NEUTRA_DEVICE S sum(Index n, F f) const { return combined(n, f, S(0), Plus()); }
  template <class F> NEUTRA_DEVICE S max(Index n, F f) const {
    return combined(n, f, -std::numeric_limits<S>::infinity(), Larger());
  }

 private:
  template <class F, class Combine> NEUTRA_DEVICE S combined(Index n, F f, S neutral, Combine combine) const {
    S own = neutral;
    for (Index i = Team::rank(); i < n; i += Team::size()) own = combine(own, static_cast<S>(f(Lanes<S>{i})));
    return Team::all(own, combine);
  }
};

}}}  // namespace neutra::NEUTRA_ABI::gpu
