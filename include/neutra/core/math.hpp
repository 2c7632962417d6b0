/// The functions that pointwise policies are written with. The same source serves scalars, SIMD batches and CUDA
/// threads: math::f forwards to Functions<V>, which each backend specialises for its vector types, so the order of
/// includes does not matter.
#pragma once

#include "neutra/core/config.hpp"

#include <cmath>
#include <concepts>

namespace neutra { inline namespace NEUTRA_ABI { namespace math {

/// The primitive functions of a value type V; specialised here for float and double, by each backend for its batches.
template <class V> struct Functions {
  static_assert(std::floating_point<V>,
                "neutra: math::Functions<V> is specialised for float and double, and by each backend for its SIMD "
                "batches; include the backend");
  NEUTRA_HD static V exp(V x) { return std::exp(x); }
  NEUTRA_HD static V log(V x) { return std::log(x); }
  NEUTRA_HD static V log1p(V x) { return std::log1p(x); }
  NEUTRA_HD static V tanh(V x) { return std::tanh(x); }
  NEUTRA_HD static V erf(V x) { return std::erf(x); }
  NEUTRA_HD static V sqrt(V x) { return std::sqrt(x); }
  NEUTRA_HD static V abs(V x) { return std::abs(x); }
  NEUTRA_HD static V min(V x, V y) { return y < x ? y : x; }
  NEUTRA_HD static V max(V x, V y) { return x < y ? y : x; }
  NEUTRA_HD static V select(bool condition, V yes, V no) { return condition ? yes : no; }
};

namespace detail {
template <class V, class W> NEUTRA_HD V one_type() {
  static_assert(std::same_as<V, W>,
                "neutra: math::min, max and select take values of one type; write V(0) instead of 0");
  return V{};
}
}  // namespace detail

template <class V> NEUTRA_HD V exp(V x) { return Functions<V>::exp(x); }
template <class V> NEUTRA_HD V log(V x) { return Functions<V>::log(x); }
template <class V> NEUTRA_HD V log1p(V x) { return Functions<V>::log1p(x); }
template <class V> NEUTRA_HD V tanh(V x) { return Functions<V>::tanh(x); }
template <class V> NEUTRA_HD V erf(V x) { return Functions<V>::erf(x); }
template <class V> NEUTRA_HD V sqrt(V x) { return Functions<V>::sqrt(x); }
template <class V> NEUTRA_HD V abs(V x) { return Functions<V>::abs(x); }
template <class V> NEUTRA_HD V min(V x, V y) { return Functions<V>::min(x, y); }
template <class V> NEUTRA_HD V max(V x, V y) { return Functions<V>::max(x, y); }

/// condition ? yes : no, elementwise. The condition is the result of comparing two V.
template <class M, class V> NEUTRA_HD V select(M condition, V yes, V no) {
  return Functions<V>::select(condition, yes, no);
}

/// Refused: a plain number beside a value of type V.
template <class V, class W> NEUTRA_HD V min(V, W) { return detail::one_type<V, W>(); }
template <class V, class W> NEUTRA_HD V max(V, W) { return detail::one_type<V, W>(); }
template <class M, class V, class W> NEUTRA_HD V select(M, V, W) { return detail::one_type<V, W>(); }

/// max(0, x). NaN stays NaN on every backend.
template <class V> NEUTRA_HD V relu(V x) { return select(x < V(0), V(0), x); }

/// -1, 0 or 1: the subgradient of abs that is 0 at 0.
template <class V> NEUTRA_HD V sign(V x) { return select(x > V(0), V(1), select(x < V(0), V(-1), V(0))); }

/// 1 / (1 + exp(-x)), without overflow for either sign.
template <class V> NEUTRA_HD V sigmoid(V x) {
  const V e = exp(-abs(x));
  return select(x < V(0), e, V(1)) / (V(1) + e);
}

/// log(1 + exp(x)), without overflow.
template <class V> NEUTRA_HD V softplus(V x) { return max(x, V(0)) + log1p(exp(-abs(x))); }

}}}  // namespace neutra::NEUTRA_ABI::math
