/// Softmax over the largest elements of each row, as a router that chooses experts computes it.
#pragma once

#include "neutra/op/softmax.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// y[n,c] = exp(x[n,c] - max) / sum over the chosen c of exp(x[n,c] - max), 0 for the others. Chosen are the `top`
/// largest elements of a row; of equal ones the first.
/// x, y: (N,C)      saves: y
template <Scalar S> struct TopSoftmax {
  View<const S> x;
  View<S> y;
  Index top;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const S* in = x.row(n);
    const S largest = row.max(x.cols(), [&](auto c) { return c.load(in); });
    row.once([&] {
      for (Index c = 0; c < x.cols(); ++c) y(n, c) = above(in, c) < top ? math::exp(in[c] - largest) : S(0);
    });
    const S inverse = S(1) / row.sum(y.cols(), [&](auto c) { return c.load(y.row(n)); });
    row.each(y.cols(), [&](auto c) { c.store(y.row(n), c.load(y.row(n)) * inverse); });
  }

 private:
  /// How many elements of a row are chosen before element c.
  NEUTRA_HD Index above(const S* in, Index c) const {
    Index count = 0;
    for (Index other = 0; other < x.cols(); ++other) count += in[other] > in[c] || (in[other] == in[c] && other < c);
    return count;
  }
};

}  // namespace op

/// The softmax of the `top` largest elements of each row, 0 elsewhere. The choice is held constant in the backward
/// pass; that of the softmax then gives 0 for elements that are not chosen.      x, y: (N,C)  top: from 1 to C
/// Meant for few columns: it compares each element with each other.      Shazeer et al. 2017, arXiv 1701.06538, eq. 3-5
template <Scalar S, Backend D> Var<S, D> top_softmax(Var<S, D> x, Index top) {
  const Index rows = x.shape().rows(), cols = x.shape().cols(), cost = (op::transcendental_cost + cols) * cols;
  require(top >= 1 && top <= cols, "top_softmax: top must be from 1 to the ", cols, " columns of x, got ", top,
          "; x is ", x.shape());
  auto& tape = x.tape();
  const auto y = tape.make(x.shape(), tape.capacity(x));
  D::template rows<S>(rows, cost, op::TopSoftmax<S>{x.value(), tape.out(y), top});
  tape.record(y, {x}, {y}, [=](Tape<S, D>& t) {
    D::template rows<S>(rows, cost, op::SoftmaxBackward<S>{y.value(), t.gradient(y), t.into(x)});
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
