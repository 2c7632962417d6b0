/// The concept that ops which take a policy's function are written against.
#pragma once

#include "neutra/core/config.hpp"

#include <concepts>

namespace neutra { inline namespace NEUTRA_ABI {

/// A differentiable function of one number, generic in the value type (scalar, SIMD batch, CUDA thread):
///   f(x)      the value
///   df(x, y)  the slope at x, where y = f(x) is given because it often shortens the formula
/// Stateful functions carry their options as members. The policy families gate and body refine this.
template <class F>
concept Pointwise = std::copyable<F> && requires(const F& function, float x) {
  { function.f(x) } -> std::same_as<float>;
  { function.df(x, x) } -> std::same_as<float>;
};

/// What a penalty on a residue may know of one token: channel sums of the residue r and of the output y it joins, and
/// the number of channels d.
template <class S> struct RowSums {
  S absolute;  // sum |r|
  S square;    // sum r^2
  S joined;    // sum y^2
  S channels;  // d
};

/// Slopes of such a function; y is held constant.
template <class S> struct RowSlopes {
  S absolute;  // by sum |r|
  S square;    // by sum r^2
};

/// A differentiable function of the channel sums of a token: f(sums), and df(sums), finite also where r = 0.
template <class F>
concept RowFunction = std::copyable<F> && requires(const F& function, RowSums<float> sums) {
  { function.f(sums) } -> std::same_as<float>;
  { function.df(sums) } -> std::same_as<RowSlopes<float>>;
};

/// A differentiable function of a gate's value g, its logit s and the token's label (0 original, 1 target):
/// f(g, s, label), its slope dg by g and ds by s.
template <class F>
concept GateFunction = std::copyable<F> && requires(const F& function, float x) {
  { function.f(x, x, x) } -> std::same_as<float>;
  { function.dg(x, x, x) } -> std::same_as<float>;
  { function.ds(x, x, x) } -> std::same_as<float>;
};

}}  // namespace neutra::NEUTRA_ABI
