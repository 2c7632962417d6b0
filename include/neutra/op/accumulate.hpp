/// Writing or adding a gradient to its destination.
#pragma once

#include "neutra/autodiff/tape.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace op {

/// to = scale * from if the destination overwrites, to += scale * from if it adds      from, to: (N,C)
template <Scalar S, Backend D> struct Accumulate {
  View<const S> from;
  Into<S> to;
  S scale;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const S* x = from.row(n);
    row.each(from.cols(), [&](auto c) { c.write(to, n, c.load(x) * scale); });
  }
  /// dx = dy, moved rather than copied where possible; the last use of the gradient of y in a closure.
  static void pass_on(Tape<S, D>& tape, Var<S, D> y, Var<S, D> x) {
    if (!tape.move_gradient(y, x)) run(tape.gradient(y), tape.into(x));
  }
  static void run(View<const S> from, Into<S> to, S scale = S(1)) {
    if (to) D::template rows<S>(from.rows(), from.cols(), Accumulate{from, to, scale});
  }
};

/// The sum over rows, per column: the gradient of a row that was broadcast to all rows.      from: (N,C)
template <Scalar S, class T = S> struct SumOfRows {
  View<const T> from;

  template <class Lanes> NEUTRA_HD auto operator()(Index n, Lanes c) const { return c.load(from.row(n)); }
};

}}}  // namespace neutra::NEUTRA_ABI::op
