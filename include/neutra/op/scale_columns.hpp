/// Scaling each channel by a factor.
#pragma once

#include "neutra/autodiff/tape.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// y[n,c] = x[n,c] v[c]      x, y: (N,C)  v: (C)      saves: x, v
template <Scalar S> struct ScaleColumns {
  View<const S> x, v;
  View<S> y;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(x.cols(), [&](auto c) { c.store(y.row(n), c.load(x.row(n)) * c.load(v.data)); });
  }
};

/// dx = v dy
template <Scalar S> struct ScaleColumnsBackward {
  View<const S> v, dy;
  Into<S> dx;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(dy.cols(), [&](auto c) { c.write(dx, n, c.load(v.data) * c.load(dy.row(n))); });
  }
};

/// dv[c] = sum over n of x[n,c] dy[n,c]
template <Scalar S> struct ScaleColumnsFactors {
  View<const S> x, dy;

  template <class Lanes> NEUTRA_HD auto operator()(Index n, Lanes c) const {
    return c.load(x.row(n)) * c.load(dy.row(n));
  }
};

}  // namespace op

/// y[n,c] = x[n,c] v[c]      x, y: (N,C)  v: (C) or (1,C)
template <Scalar S, Backend D> Var<S, D> scale_columns(Var<S, D> x, std::type_identity_t<Var<S, D>> v) {
  const Index rows = x.shape().rows(), cols = x.shape().cols();
  require(v.shape().cols() == cols && v.shape().rows() == 1, "scale_columns: v must be (", cols, "), got ", v.shape(),
          "; x is ", x.shape());
  auto& tape = x.tape();
  const auto y = tape.make(x.shape(), tape.capacity(x));
  tape.rematerialise(y, {x, v}, [=](Tape<S, D>& t) {
    D::template rows<S>(rows, cols, op::ScaleColumns<S>{x.value(), v.value(), t.out(y)});
  });
  tape.record(y, {x, v}, {x, v}, [=](Tape<S, D>& t) {
    if (const auto dx = t.into(x))
      D::template rows<S>(rows, cols, op::ScaleColumnsBackward<S>{v.value(), t.gradient(y), dx});
    if (const auto dv = t.into(v))
      D::template column_sums<S>(rows, cols, op::ScaleColumnsFactors<S>{x.value(), t.gradient(y)}, dv);
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
