/// The concepts of the functions that a policy hands to an op.
#pragma once

#include "neutra/core/config.hpp"

#include <concepts>
#include <cstddef>

namespace neutra { inline namespace NEUTRA_ABI {

/// A differentiable function of one number, generic in the value type (scalar, SIMD batch, CUDA thread):
///   f(x)      the value
///   df(x, y)  the derivative at x, where y = f(x) is passed in because it often shortens the formula
/// Options are members. The families gate and body refine this concept.
template <class F>
concept Pointwise = std::copyable<F> && requires(const F& function, float x) {
  { function.f(x) } -> std::same_as<float>;
  { function.df(x, x) } -> std::same_as<float>;
};

/// The K trainable parameters of a function of one number.
template <class V, std::size_t K> struct Parameters {
  V values[K];
  NEUTRA_HD const V& operator[](std::size_t k) const { return values[k]; }
};

namespace detail {
template <class F, std::size_t K>
concept TakesParameters = requires(const F& function, float x, const Parameters<float, K>& p) {
  { function.f(x, p) } -> std::same_as<float>;
};
}  // namespace detail

/// The number of parameters of a function f(x, p), at most 4; 0 for a plain f(x).
template <class F>
inline constexpr std::size_t parameters_of = detail::TakesParameters<F, 1>   ? 1
                                             : detail::TakesParameters<F, 2> ? 2
                                             : detail::TakesParameters<F, 3> ? 3
                                             : detail::TakesParameters<F, 4> ? 4
                                                                             : 0;

namespace detail {
template <class F, std::size_t K = parameters_of<F>>
concept HasSlopeWithParameters = (K > 0) && requires(const F& function, float x, const Parameters<float, K>& p) {
  { function.df(x, x, p) } -> std::same_as<float>;
};
template <class F, std::size_t K = parameters_of<F>>
concept HasParameterSlopes = (K > 0) && requires(const F& function, float x, const Parameters<float, K>& p) {
  { function.dp(x, x, p) } -> std::same_as<Parameters<float, K>>;
};
}  // namespace detail

/// A Pointwise function with K trainable parameters:
///   f(x, p)      the value
///   df(x, y, p)  the derivative at x, where y = f(x, p)
///   dp(x, y, p)  the partial derivatives with respect to p
template <class F>
concept PointwiseWithParameters =
    std::copyable<F> && detail::HasSlopeWithParameters<F> && detail::HasParameterSlopes<F>;

/// Per-token sums that a residue penalty may use:
/// over the channels of the residue r and of the output y that it is added to.
template <class S> struct RowSums {
  S absolute;  // sum |r|
  S square;    // sum r^2
  S joined;    // sum y^2
  S channels;  // d
};

/// Derivatives of such a penalty. y is held constant.
template <class S> struct RowSlopes {
  S absolute;  // by sum |r|
  S square;    // by sum r^2
};

/// A differentiable function of a token's channel sums: f(sums) and df(sums). df must be finite at r = 0 too.
template <class F>
concept RowFunction = std::copyable<F> && requires(const F& function, RowSums<float> sums) {
  { function.f(sums) } -> std::same_as<float>;
  { function.df(sums) } -> std::same_as<RowSlopes<float>>;
};

/// A differentiable function of a gate's value g, its logit s and the token's label  (0 original, 1 target):
/// f(g, s, label) with partial derivatives dg and ds.
template <class F>
concept GateFunction = std::copyable<F> && requires(const F& function, float x) {
  { function.f(x, x, x) } -> std::same_as<float>;
  { function.dg(x, x, x) } -> std::same_as<float>;
  { function.ds(x, x, x) } -> std::same_as<float>;
};

}}  // namespace neutra::NEUTRA_ABI
