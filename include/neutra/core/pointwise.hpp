/// The concept that ops which take a policy's function are written against.
#pragma once

#include "neutra/core/config.hpp"

#include <concepts>
#include <cstddef>

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

/// K numbers that train beside a function of one number.
template <class V, std::size_t K> struct Parameters {
  V values[K];
  NEUTRA_HD const V& operator[](std::size_t k) const { return values[k]; }
};

/// How many numbers a function f(x, p) takes beside x, at most 4; 0 for a plain f(x).
template <class F>
inline constexpr std::size_t parameters_of = [] {
  const auto takes = []<std::size_t K>() {
    return requires(const F& function, float x, const Parameters<float, K>& p) {
      { function.f(x, p) } -> std::same_as<float>;
    };
  };
  if (takes.template operator()<1>()) return 1;
  if (takes.template operator()<2>()) return 2;
  if (takes.template operator()<3>()) return 3;
  return takes.template operator()<4>() ? 4 : 0;
}();

namespace detail {
template <class F, std::size_t K = parameters_of<F>>
concept HasSlopeWithParameters = requires(const F& function, float x, const Parameters<float, K>& p) {
  requires K >
  0;
  { function.df(x, x, p) } -> std::same_as<float>;
};
template <class F, std::size_t K = parameters_of<F>>
concept HasParameterSlopes = requires(const F& function, float x, const Parameters<float, K>& p) {
  requires K >
  0;
  { function.dp(x, x, p) } -> std::same_as<Parameters<float, K>>;
};
}  // namespace detail

/// A Pointwise function that trains K numbers of its own:
///   f(x, p)      the value
///   df(x, y, p)  the slope at x, where y = f(x, p)
///   dp(x, y, p)  the slopes by each of p
template <class F>
concept PointwiseWithParameters =
    std::copyable<F> && detail::HasSlopeWithParameters<F> && detail::HasParameterSlopes<F>;

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
