/// The concepts of the functions that a policy hands to an op.
#pragma once

#include "neutra/core/config.hpp"

#include <concepts>

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
