/// A function of one number on every element, such as a gate on its logits.
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

/// slope = df(x, y), where skipping has to know which closed tokens may still learn
template <Scalar S, Pointwise F> struct PointwiseSlope {
  View<const S> x, y;
  View<S> slope;
  F function;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(x.cols(), [&](auto c) { c.store(slope.row(n), function.df(c.load(x.row(n)), c.load(y.row(n)))); });
  }
};

inline constexpr Index transcendental_cost = 8;  // an exp weighs about as much as eight additions

/// A column of single numbers, such as the logits of a block gate, as one row: kernels then work on vectors of tokens.
/// (N,1) to (1,N), others as is.
template <class S> View<S> lengthwise(View<S> x) {
  return x.cols() == 1 && x.stride == 1 ? View<S>(x.data, {1, x.rows()}) : x;
}

}  // namespace op

/// y = function.f(x), element by element.
template <Pointwise F, Scalar S, Backend D> Var<S, D> pointwise(Var<S, D> x, const F& function) {
  static_assert(check_pointwise<F>());
  auto& tape = x.tape();
  const auto y = tape.make(x.shape(), tape.room(x));
  const View<const S> from = op::lengthwise(x.value());
  const Index rows = from.rows(), cost = op::transcendental_cost * from.cols();
  D::template rows<S>(rows, cost, op::PointwiseForward<S, F>{from, op::lengthwise(tape.out(y)), function});
  tape.record(y, {x}, {x, y}, [=](Tape<S, D>& t) {
    Into<S> dx = t.into(x);
    dx.view = op::lengthwise(dx.view);
    D::template rows<S>(rows, cost,
                        op::PointwiseBackward<S, F>{op::lengthwise(x.value()), op::lengthwise(y.value()),
                                                    op::lengthwise(t.gradient(y)), dx, function});
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
