/// A value type that allows what the values of every backend allow, and no more. Policies are compiled for it where
/// they are first used.
///
/// A plain number allows more than a SIMD batch, and a batch allows more on one instruction set than on another: on
/// AVX-512 a comparison converts to bool, so `if (s > V(0)) return s;` compiles there and asks one question for all
/// tokens of a batch. Everything here is constexpr: compilers then report a mistake at once, before what follows from
/// it.
#pragma once

#include "neutra/core/math.hpp"
#include "neutra/core/pointwise.hpp"

#include <concepts>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI {
namespace strict {

template <class> inline constexpr bool never = false;

// The one sentence for all that a value does not allow; where it stands, the compiler has least to say before it.
#define NEUTRA_REFUSE(Policy)                                                                                        \
  static_assert(strict::never<Policy>,                                                                               \
                "neutra: this policy's function must compile for SIMD values; write math::select instead of if and " \
                "?:, math::exp instead of "                                                                          \
                "std::exp, V(2) instead of 2")

template <class T>
concept Number = std::is_arithmetic_v<T>;
template <class T>
concept WrittenNumber = Number<T> && !std::same_as<T, void>;  // preferred to Number, where V(2) is written

/// What the comparison of two values gives.
template <class Policy> struct Mask {
  NEUTRA_HD constexpr explicit operator bool() const {
    NEUTRA_REFUSE(Policy);
    return false;
  }
  NEUTRA_HD friend constexpr Mask operator!(Mask m) { return m; }
  NEUTRA_HD friend constexpr Mask operator&(Mask m, Mask) { return m; }
  NEUTRA_HD friend constexpr Mask operator|(Mask m, Mask) { return m; }
  NEUTRA_HD friend constexpr Mask operator&&(Mask m, Mask) { return m; }
  NEUTRA_HD friend constexpr Mask operator||(Mask m, Mask) { return m; }
};

/// What a policy's function takes and gives.
template <class Policy> struct Value {
  Value() = default;
  template <WrittenNumber T> NEUTRA_HD constexpr explicit Value(T) {}
  template <Number T> NEUTRA_HD constexpr Value(T) { NEUTRA_REFUSE(Policy); }
  template <std::same_as<double> T> NEUTRA_HD constexpr operator T() const {  // what std::exp asks for
    NEUTRA_REFUSE(Policy);
    return {};
  }
  template <Number T>
  requires(!std::same_as<T, double>) NEUTRA_HD constexpr explicit operator T() const {
    NEUTRA_REFUSE(Policy);
    return {};
  }

  NEUTRA_HD constexpr Value& operator+=(Value) { return *this; }
  NEUTRA_HD constexpr Value& operator-=(Value) { return *this; }
  NEUTRA_HD constexpr Value& operator*=(Value) { return *this; }
  NEUTRA_HD constexpr Value& operator/=(Value) { return *this; }
  NEUTRA_HD friend constexpr Value operator-(Value x) { return x; }
};

/// The policy whose values stand at an operator: two values, or one and something that is refused there.
template <class A, class B> struct Between {};
template <class P> struct Between<Value<P>, Value<P>> { using Policy = P; };
template <class P> struct Between<Value<P>, Mask<P>> { using Policy = P; };
template <class P> struct Between<Mask<P>, Value<P>> { using Policy = P; };
template <class P, Number T> struct Between<Value<P>, T> { using Policy = P; };
template <class P, Number T> struct Between<T, Value<P>> { using Policy = P; };

template <class A, class B>
concept Meet = requires {
  typename Between<A, B>::Policy;
};

template <template <class> class Result, class A, class B> NEUTRA_HD constexpr auto met() {
  using Policy = typename Between<A, B>::Policy;
  if constexpr (!std::same_as<A, B>) NEUTRA_REFUSE(Policy);
  return Result<Policy>();
}
template <class A, class B>
requires Meet<A, B> NEUTRA_HD constexpr auto operator+(A, B) { return met<Value, A, B>(); }
template <class A, class B>
requires Meet<A, B> NEUTRA_HD constexpr auto operator-(A, B) { return met<Value, A, B>(); }
template <class A, class B>
requires Meet<A, B> NEUTRA_HD constexpr auto operator*(A, B) { return met<Value, A, B>(); }
template <class A, class B>
requires Meet<A, B> NEUTRA_HD constexpr auto operator/(A, B) { return met<Value, A, B>(); }
template <class A, class B>
requires Meet<A, B> NEUTRA_HD constexpr auto operator<(A, B) { return met<Mask, A, B>(); }
template <class A, class B>
requires Meet<A, B> NEUTRA_HD constexpr auto operator>(A, B) { return met<Mask, A, B>(); }
template <class A, class B>
requires Meet<A, B> NEUTRA_HD constexpr auto operator<=(A, B) { return met<Mask, A, B>(); }
template <class A, class B>
requires Meet<A, B> NEUTRA_HD constexpr auto operator>=(A, B) { return met<Mask, A, B>(); }
template <class A, class B>
requires Meet<A, B> NEUTRA_HD constexpr auto operator==(A, B) { return met<Mask, A, B>(); }
template <class A, class B>
requires Meet<A, B> NEUTRA_HD constexpr auto operator!=(A, B) { return met<Mask, A, B>(); }

/// A member function that is no template and not overloaded.
template <class Member> inline constexpr bool one_type = std::is_member_function_pointer_v<Member>;
template <class F>
concept OneTypeF = requires {
  requires one_type<decltype(&F::f)>;
};
template <class F>
concept OneTypeDf = requires {
  requires one_type<decltype(&F::df)>;
};
template <class F>
concept OneTypeDp = requires {
  requires one_type<decltype(&F::dp)>;
};
template <class F>
concept OneTypeDg = requires {
  requires one_type<decltype(&F::dg)>;
};
template <class F>
concept OneTypeDs = requires {
  requires one_type<decltype(&F::ds)>;
};

#undef NEUTRA_REFUSE

}  // namespace strict

namespace math {
template <class Policy> struct Functions<strict::Value<Policy>> {
  using V = strict::Value<Policy>;
  NEUTRA_HD static V exp(V x) { return x; }
  NEUTRA_HD static V log(V x) { return x; }
  NEUTRA_HD static V log1p(V x) { return x; }
  NEUTRA_HD static V tanh(V x) { return x; }
  NEUTRA_HD static V sqrt(V x) { return x; }
  NEUTRA_HD static V abs(V x) { return x; }
  NEUTRA_HD static V min(V x, V) { return x; }
  NEUTRA_HD static V max(V x, V) { return x; }
  NEUTRA_HD static V select(strict::Mask<Policy>, V yes, V) { return yes; }
};
}  // namespace math

/// One sentence for what keeps a Pointwise function from compiling for every backend.
template <Pointwise F> consteval bool check_pointwise() {
  constexpr bool generic = !strict::OneTypeF<F> && !strict::OneTypeDf<F>;
  static_assert(generic,
                "neutra: this policy's f and df serve one type; write  template <class V> V f(V s) const  and  "
                "template <class V> V df(V s, V g) const");
  if constexpr (generic) {
    using V = strict::Value<F>;
    static_cast<void>([](const F& function, V x) -> V { return function.df(x, function.f(x)); });
  }
  return true;
}

/// The same of a function with parameters.
template <PointwiseWithParameters F> consteval bool check_pointwise() {
  constexpr bool generic = !strict::OneTypeF<F> && !strict::OneTypeDf<F> && !strict::OneTypeDp<F>;
  static_assert(generic,
                "neutra: this policy's f, df or dp serves one type; write  template <class V> V f(V s, "
                "neutra::Parameters<V, 1> p) const, and df and dp likewise");
  if constexpr (generic) {
    using V = strict::Value<F>;
    static_cast<void>([](const F& function, V x, Parameters<V, parameters_of<F>> p) -> V {
      return function.df(x, function.f(x, p), p) + function.dp(x, x, p)[0];
    });
  }
  return true;
}

/// The same of a GateFunction.
template <GateFunction F> consteval bool check_gate_function() {
  constexpr bool generic = !strict::OneTypeF<F> && !strict::OneTypeDg<F> && !strict::OneTypeDs<F>;
  static_assert(generic,
                "neutra: this policy's f, dg or ds serves one type; write  template <class V> V f(V g, V s, V label) "
                "const, and dg and ds likewise");
  if constexpr (generic) {
    using V = strict::Value<F>;
    static_cast<void>(
        [](const F& function, V x) -> V { return function.f(x, x, x) + function.dg(x, x, x) + function.ds(x, x, x); });
  }
  return true;
}

/// The same of a RowFunction, which is given numbers: it serves float and double.
template <RowFunction F> consteval bool check_row_function() {
  static_assert(!strict::OneTypeF<F> && !strict::OneTypeDf<F>,
                "neutra: this policy's f and df serve one type; write  template <class S> S f(RowSums<S> sums) const  "
                "and  template <class S> "
                "RowSlopes<S> df(RowSums<S> sums) const");
  return true;
}

}}  // namespace neutra::NEUTRA_ABI
