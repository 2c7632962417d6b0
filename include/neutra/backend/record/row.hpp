/// The values, lanes and rows that functors get on the recording backend: no numbers, no memory. Functors are compiled
/// against these types and never run, so that a functor which relies on CPU loops or batches fails to compile.
#pragma once

#include "neutra/core/math.hpp"
#include "neutra/core/view.hpp"

#include <concepts>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI {
namespace record {

/// The result of comparing two Values.
struct Mask {
  friend Mask operator&&(Mask, Mask) { return {}; }
  friend Mask operator||(Mask, Mask) { return {}; }
  Mask operator!() const { return {}; }
};

/// One or more elements of type S.
template <Scalar S> struct Value {
  Value() = default;
  Value(S) {}
  Value operator-() const { return {}; }
  friend Value operator+(Value, Value) { return {}; }
  friend Value operator-(Value, Value) { return {}; }
  friend Value operator*(Value, Value) { return {}; }
  friend Value operator/(Value, Value) { return {}; }
  friend Mask operator<(Value, Value) { return {}; }
  friend Mask operator>(Value, Value) { return {}; }
  friend Mask operator<=(Value, Value) { return {}; }
  friend Mask operator>=(Value, Value) { return {}; }
  friend Mask operator==(Value, Value) { return {}; }
  friend Mask operator!=(Value, Value) { return {}; }
};

/// The interface of the lanes of cpu/simd.hpp, without memory.
template <Scalar S> struct Lanes {
  Index i = 0, count = 0;
  template <class T> Value<S> load(const T*) const { return {}; }
  template <class T> void store(T*, Value<S>) const {}
  template <class T> void fill(T*, S) const {}
  template <class T> void write(const Into<T>&, Index, Value<S>) const {}
};

/// False, but the compiler cannot know, so it must compile the code that depends on it.
inline bool never() {
  static const volatile bool value = false;
  return value;
}

/// The interface of the row of cpu/rows.hpp: compiles what a functor passes to it, and runs none of it.
template <Scalar S> struct Row {
  template <std::invocable<Lanes<S>> F> void each(Index, F f) const {
    if (never()) f(Lanes<S>{});
  }
  template <std::invocable F> void once(F f) const {
    if (never()) f();
  }
  template <class F>
  requires std::convertible_to<std::invoke_result_t<F, Lanes<S>>, Value<S>> S sum(Index, F f)
  const {
    if (never()) f(Lanes<S>{});
    return 0;
  }
  template <class F>
  requires std::convertible_to<std::invoke_result_t<F, Lanes<S>>, Value<S>> S max(Index, F f)
  const {
    if (never()) f(Lanes<S>{});
    return 0;
  }
};

}  // namespace record

namespace math {

template <Scalar S> struct Functions<record::Value<S>> {
  using V = record::Value<S>;
  static V exp(V) { return {}; }
  static V log(V) { return {}; }
  static V log1p(V) { return {}; }
  static V tanh(V) { return {}; }
  static V erf(V) { return {}; }
  static V sqrt(V) { return {}; }
  static V abs(V) { return {}; }
  static V min(V, V) { return {}; }
  static V max(V, V) { return {}; }
  static V select(record::Mask, V, V) { return {}; }
};

}  // namespace math
}}  // namespace neutra::NEUTRA_ABI
