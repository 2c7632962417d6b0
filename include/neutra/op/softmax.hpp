/// Softmax over the last axis.
#pragma once

#include "neutra/op/pointwise.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// y[n,c] = exp(x[n,c] - max) / sum over c of exp(x[n,c] - max)      x, y: (N,C)      saves: y
template <Scalar S> struct Softmax {
  View<const S> x;
  View<S> y;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const Index cols = x.cols();
    const S largest = row.max(cols, [&](auto c) { return c.load(x.row(n)); });
    row.each(cols, [&](auto c) { c.store(y.row(n), math::exp(c.load(x.row(n)) - largest)); });
    const S inverse = S(1) / row.sum(cols, [&](auto c) { return c.load(y.row(n)); });
    row.each(cols, [&](auto c) { c.store(y.row(n), c.load(y.row(n)) * inverse); });
  }
};

/// dx = y (dy - sum over c of y dy)
template <Scalar S> struct SoftmaxBackward {
  View<const S> y, dy;
  Into<S> dx;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const S mean = row.sum(y.cols(), [&](auto c) { return c.load(y.row(n)) * c.load(dy.row(n)); });
    row.each(y.cols(), [&](auto c) { c.write(dx, n, c.load(y.row(n)) * (c.load(dy.row(n)) - mean)); });
  }
};

}  // namespace op

/// Softmax of each row.      x, y: (N,C)
template <Scalar S, Backend D> Var<S, D> softmax(Var<S, D> x) {
  const Index rows = x.shape().rows(), cost = op::transcendental_cost * x.shape().cols();
  auto& tape = x.tape();
  const auto y = tape.make(x.shape(), tape.capacity(x));
  D::template rows<S>(rows, cost, op::Softmax<S>{x.value(), tape.out(y)});
  tape.record(y, {x}, {y}, [=](Tape<S, D>& t) {
    D::template rows<S>(rows, cost, op::SoftmaxBackward<S>{y.value(), t.gradient(y), t.into(x)});
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
