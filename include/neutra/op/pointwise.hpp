/// A function of one number on every element, such as a gate on its logits.
#pragma once

#include "neutra/autodiff/tape.hpp"
#include "neutra/core/math.hpp"
#include "neutra/core/pointwise.hpp"

namespace neutra::inline NEUTRA_ABI {
namespace op {

/// y = f(x)      x, y: (N,C)      saves: x, y
template <Scalar S, Pointwise F> struct PointwiseForward {
  View<const S> x;
  View<S> y;
  F function;

  template <class Row> void operator()(Row row, Index n) const {
    row.each(x.cols(), [&](auto c) { c.store(y.row(n), function.f(c.load(x.row(n)))); });
  }
};

/// dx = df(x, y) dy
template <Scalar S, Pointwise F> struct PointwiseBackward {
  View<const S> x, y, dy;
  Into<S> dx;
  F function;

  template <class Row> void operator()(Row row, Index n) const {
    row.each(x.cols(), [&](auto c) { c.write(dx, n, function.df(c.load(x.row(n)), c.load(y.row(n))) * c.load(dy.row(n))); });
  }
};

/// slope = df(x, y), where skipping has to know which closed tokens may still learn
template <Scalar S, Pointwise F> struct PointwiseSlope {
  View<const S> x, y;
  View<S> slope;
  F function;

  template <class Row> void operator()(Row row, Index n) const {
    row.each(x.cols(), [&](auto c) { c.store(slope.row(n), function.df(c.load(x.row(n)), c.load(y.row(n)))); });
  }
};

inline constexpr Index transcendental_cost = 8;  // an exp weighs about as much as eight additions

}  // namespace op

/// y = function.f(x), element by element.
template <Pointwise F, Scalar S, Backend D> Var<S, D> pointwise(Var<S, D> x, const F& function) {
  const Index rows = x.shape().rows(), cost = op::transcendental_cost * x.shape().cols();
  auto& tape = x.tape();
  const auto y = tape.make(x.shape(), tape.room(x));
  D::template rows<S>(rows, cost, op::PointwiseForward<S, F>{x.value(), tape.out(y), function});
  tape.record(y, {x}, {x, y}, [=](Tape<S, D>& t) {
    D::template rows<S>(rows, cost, op::PointwiseBackward<S, F>{x.value(), y.value(), t.gradient(y), t.into(x), function});
  });
  return y;
}

}  // namespace neutra::inline NEUTRA_ABI
