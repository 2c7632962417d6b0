/// Adding one array into another: how gradients pass through sums.
#pragma once

#include "neutra/autodiff/tape.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace op {

/// to = scale * from, or to += scale * from, as the tape says      from, to: (N,C)
template <Scalar S, Backend D> struct Accumulate {
  View<const S> from;
  Into<S> to;
  S scale;

  template <class Row> void operator()(Row row, Index n) const {
    const S* x = from.row(n);
    row.each(from.cols(), [&](auto c) { c.write(to, n, c.load(x) * scale); });
  }
  /// The gradient of y, as it is, to x: a closure's last use of it.
  static void pass_on(Tape<S, D>& tape, Var<S, D> y, Var<S, D> x) {
    if (!tape.hand_over(y, x)) run(tape.gradient(y), tape.into(x));
  }
  static void run(View<const S> from, Into<S> to, S scale = S(1)) {
    if (to) D::template rows<S>(from.rows(), from.cols(), Accumulate{from, to, scale});
  }
};

/// The sum over rows, by column: the gradient of one row that was added to each.      from: (N,C)
template <Scalar S> struct SumOfRows {
  View<const S> from;

  template <class Lanes> auto operator()(Index n, Lanes c) const { return c.load(from.row(n)); }
};

}}}  // namespace neutra::NEUTRA_ABI::op
