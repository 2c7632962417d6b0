/// Elementwise functions, such as a gate of its logits.
#pragma once

#include "neutra/autodiff/tape.hpp"
#include "neutra/core/math.hpp"
#include "neutra/core/strict.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// y = f(x)      x, y: (N,C)      saves: x, y
template <Scalar S, Pointwise F> struct PointwiseForward {
  View<const S> x;
  View<S> y;
  F function;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(x.cols(), [&](auto c) { c.store(y.row(n), function.f(c.load(x.row(n)))); });
  }
};

/// dx = df(x, y) dy
template <Scalar S, Pointwise F> struct PointwiseBackward {
  View<const S> x, y, dy;
  Into<S> dx;
  F function;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(x.cols(),
             [&](auto c) { c.write(dx, n, function.df(c.load(x.row(n)), c.load(y.row(n))) * c.load(dy.row(n))); });
  }
};

/// slope = df(x, y), by which skipping finds the closed tokens that still get a gradient
template <Scalar S, Pointwise F> struct PointwiseSlope {
  View<const S> x, y;
  View<S> slope;
  F function;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(x.cols(), [&](auto c) { c.store(slope.row(n), function.df(c.load(x.row(n)), c.load(y.row(n)))); });
  }
};

/// f(x) = factor x
template <Scalar S> struct Multiply {
  S factor;
  template <class V> NEUTRA_HD V f(V x) const { return V(factor) * x; }
  template <class V> NEUTRA_HD V df(V, V) const { return V(factor); }
};

/// f(x) = c tanh(x / c), which lies in -c .. c      derivative: 1 - (f(x) / c)^2
/// Gemma Team 2024, arXiv 2408.00118, section 2
template <Scalar S> struct SoftCap {
  S c;
  template <class V> NEUTRA_HD V f(V x) const { return V(c) * math::tanh(x / V(c)); }
  template <class V> NEUTRA_HD V df(V, V y) const {
    const V t = y / V(c);
    return V(1) - t * t;
  }
};

inline constexpr Index transcendental_cost = 8;  // an exp costs about as much as eight additions

/// Views one column, such as the logits of a block gate, as one row, so that kernels vectorise over tokens. (N,1)
/// becomes (1,N); other shapes are unchanged.
template <class S> View<S> lengthwise(View<S> x) {
  return x.cols() == 1 && x.stride == 1 ? View<S>(x.data, {1, x.rows()}) : x;
}

/// Runs an elementwise kernel. cost: per element.
template <Scalar S, Backend D, class F> void elementwise(View<const S> x, Index cost, const F& kernel) {
  if (x.rows() == 1)
    D::template elements<S>(x.cols(), cost, kernel);
  else
    D::template rows<S>(x.rows(), cost * x.cols(), kernel);
}

}  // namespace op

/// y = function.f(x), element by element.
template <Pointwise F, Scalar S, Backend D> Var<S, D> pointwise(Var<S, D> x, const F& function) {
  static_assert(check_pointwise<F>());
  auto& tape = x.tape();
  const auto y = tape.make(x.shape(), tape.capacity(x));
  const View<const S> from = op::lengthwise(x.value());
  op::elementwise<S, D>(from, op::transcendental_cost,
                        op::PointwiseForward<S, F>{from, op::lengthwise(tape.out(y)), function});
  tape.record(y, {x}, {x, y}, [=](Tape<S, D>& t) {
    Into<S> dx = t.into(x);
    dx.view = op::lengthwise(dx.view);
    const View<const S> again = op::lengthwise(x.value());  // x may have been rematerialised in other memory
    op::elementwise<S, D>(
        again, op::transcendental_cost,
        op::PointwiseBackward<S, F>{again, op::lengthwise(y.value()), op::lengthwise(t.gradient(y)), dx, function});
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
