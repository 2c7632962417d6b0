/// The concept that ops which take a policy's function are written against.
#pragma once

#include "neutra/core/config.hpp"

#include <concepts>

namespace neutra::inline NEUTRA_ABI {

/// A differentiable function of one number, generic in the value type (scalar, SIMD batch, CUDA thread):
///   f(x)      the value
///   df(x, y)  the slope at x, where y = f(x) is given because it often shortens the formula
/// Stateful functions carry their options as members. The policy families gate and body refine this.
template <class F>
concept Pointwise = std::copyable<F> && requires(const F& function, float x) {
  { function.f(x) } -> std::same_as<float>;
  { function.df(x, x) } -> std::same_as<float>;
};

}  // namespace neutra::inline NEUTRA_ABI
