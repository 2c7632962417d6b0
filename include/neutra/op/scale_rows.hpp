/// Scaling each row, or each element, by a factor: a gate applied to a body.
#pragma once

#include "neutra/autodiff/tape.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// y[n,c] = g[n,0] a[n,c], or g[n,c] a[n,c] if g is (N,C)
/// a, y: (N,C)  g: (N,1) or (N,C)      saves: a, g
template <Scalar S> struct ScaleRows {
  View<const S> a, g;
  View<S> y;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    if (g.cols() == 1)
      row.each(a.cols(), [&](auto c) { c.store(y.row(n), c.load(a.row(n)) * g(n, 0)); });
    else
      row.each(a.cols(), [&](auto c) { c.store(y.row(n), c.load(a.row(n)) * c.load(g.row(n))); });
  }
};

/// da = g dy      dg[n] = sum over c of a dy, or a dy if g is (N,C)
template <Scalar S> struct ScaleRowsBackward {
  View<const S> a, g, dy;
  Into<S> da, dg;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const Index cols = a.cols();
    const S *an = a.row(n), *dyn = dy.row(n);
    if (g.cols() != 1) {
      if (da) row.each(cols, [&](auto c) { c.write(da, n, c.load(g.row(n)) * c.load(dyn)); });
      if (dg) row.each(cols, [&](auto c) { c.write(dg, n, c.load(an) * c.load(dyn)); });
      return;
    }
    if (da) row.each(cols, [&](auto c) { c.write(da, n, c.load(dyn) * g(n, 0)); });
    if (!dg) return;
    const S dot = row.sum(cols, [&](auto c) { return c.load(an) * c.load(dyn); });
    row.once([&] { dg.view(n, 0) = dg.add ? dg.view(n, 0) + dot : dot; });
  }
};

}  // namespace op

/// y = g * a, one factor per row (N,1) or per element (N,C).      a, y: (N,C)
template <Scalar S, Backend D> Var<S, D> scale_rows(Var<S, D> a, std::type_identity_t<Var<S, D>> g) {
  const Index rows = a.shape().rows(), cols = a.shape().cols();
  require(g.shape().rows() == rows && (g.shape().cols() == 1 || g.shape().cols() == cols), "scale_rows: g must be (",
          rows, ",1) or (", rows, ",", cols, "), got ", g.shape());
  auto& tape = a.tape();
  const auto y = tape.make(a.shape(), tape.capacity(a));
  tape.rematerialise(y, {a, g}, [=](Tape<S, D>& t) {
    D::template rows<S>(rows, cols, op::ScaleRows<S>{a.value(), g.value(), t.out(y)});
  });
  tape.record(y, {a, g}, {a, g}, [=](Tape<S, D>& t) {
    D::template rows<S>(rows, 2 * cols,
                        op::ScaleRowsBackward<S>{a.value(), g.value(), t.gradient(y), t.into(a), t.into(g)});
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
