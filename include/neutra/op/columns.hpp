/// A range of columns of a matrix.
#pragma once

#include "neutra/autodiff/tape.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// y[n,c] = x[n,first+c]      x: (N,C)  y: (N,M)      saves: nothing
template <Scalar S> struct Columns {
  View<const S> x;
  View<S> y;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(y.cols(), [&](auto c) { c.store(y.row(n), c.load(x.row(n))); });
  }
};

/// dx[n,first+c] = dy[n,c], 0 in the other columns
template <Scalar S> struct ColumnsBackward {
  View<const S> dy;
  Into<S> dx;
  Index first;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const Into<S> here{dx.view.columns(first, dy.cols()), dx.add};
    const Index end = first + dy.cols(), left = dx.view.cols() - end;
    row.each(dy.cols(), [&](auto c) { c.write(here, n, c.load(dy.row(n))); });
    if (dx.add) return;
    row.each(first, [&](auto c) { c.fill(dx.view.row(n), S(0)); });
    row.each(left, [&](auto c) { c.fill(dx.view.row(n) + end, S(0)); });
  }
};

}  // namespace op

/// Columns first .. first + count - 1 of x.      x: (N,C)  y: (N,count)
template <Scalar S, Backend D> Var<S, D> columns(Var<S, D> x, Index first, Index count) {
  const Index rows = x.shape().rows(), cols = x.shape().cols();
  require(first >= 0 && count >= 0 && first <= cols && count <= cols - first, "columns: ", count, " columns from ",
          first, " must lie within the ", cols, " of x, which is ", x.shape());
  auto& tape = x.tape();
  const auto y = tape.make({rows, count}, tape.capacity(x));
  D::template rows<S>(rows, count, op::Columns<S>{x.value().columns(first, count), tape.out(y)});
  tape.record(y, {x}, {}, [=](Tape<S, D>& t) {
    D::template rows<S>(rows, cols, op::ColumnsBackward<S>{t.gradient(y), t.into(x), first});
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
