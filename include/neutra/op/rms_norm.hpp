/// RMS norm.      Zhang & Sennrich 2019, arXiv 1910.07467
#pragma once

#include "neutra/autodiff/tape.hpp"

#include <cmath>

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// y = w x rstd,  rstd = 1 / sqrt(mean(x^2) + eps)      x, y: (N,C)  w: (C)      saves: x, w, rstd (N)
template <Scalar S> struct RmsNorm {
  View<const S> x, w;
  View<S> y;
  S* rstd;  // null if no backward pass is wanted
  S eps;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const Index cols = x.cols();
    const S* xn = x.row(n);
    const S scale =
        S(1) / std::sqrt(row.sum(cols, [&](auto c) { return c.load(xn) * c.load(xn); }) / static_cast<S>(cols) + eps);
    if (rstd) rstd[n] = scale;
    row.each(cols, [&](auto c) { c.store(y.row(n), c.load(xn) * scale * c.load(w.data)); });
  }

  static void reference(View<const S> x, View<const S> w, View<S> y, S eps) {
    for (Index n = 0; n < x.rows(); ++n) {
      S square = 0;
      for (Index c = 0; c < x.cols(); ++c) square += x(n, c) * x(n, c);
      for (Index c = 0; c < x.cols(); ++c)
        y(n, c) = w.data[c] * x(n, c) / std::sqrt(square / static_cast<S>(x.cols()) + eps);
    }
  }
};

/// dx = rstd (w dy - x rstd^2 mean(w dy x))
template <Scalar S> struct RmsNormBackward {
  View<const S> x, w, dy;
  const S* rstd;
  Into<S> dx;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const Index cols = x.cols();
    const S *xn = x.row(n), *dyn = dy.row(n), scale = rstd[n];
    const S dot = row.sum(cols, [&](auto c) { return c.load(w.data) * c.load(dyn) * c.load(xn); });
    const S shrink = scale * scale * scale * dot / static_cast<S>(cols);
    row.each(cols, [&](auto c) { c.write(dx, n, c.load(w.data) * c.load(dyn) * scale - c.load(xn) * shrink); });
  }
};

/// dw = sum over rows of dy x rstd
template <Scalar S> struct RmsNormWeightBackward {
  View<const S> x, dy;
  const S* rstd;

  template <class Lanes> NEUTRA_HD auto operator()(Index n, Lanes c) const {
    return c.load(dy.row(n)) * c.load(x.row(n)) * rstd[n];
  }
};

}  // namespace op

/// y = w x / sqrt(mean(x^2) + eps), mean over the last axis      x, y: (N,C)  w: (C)
template <Scalar S, Backend D>
Var<S, D> rms_norm(Var<S, D> x, std::type_identity_t<Var<S, D>> w, std::type_identity_t<S> eps = S(1e-5)) {
  const Index rows = x.shape().rows(), cols = x.shape().cols();
  require(w.shape().rank() == 1 && w.shape().cols() == cols, "rms_norm: w must be (C) with C = ", cols, ", got ",
          w.shape(), "; x is ", x.shape());
  auto& tape = x.tape();
  const auto y = tape.make(x.shape(), tape.capacity(x));
  S* rstd = tape.wanted({x, w}) ? tape.template memory<S>(tape.capacity(x)) : nullptr;
  tape.rematerialise(y, {x, w}, [=](Tape<S, D>& t) {
    D::template rows<S>(rows, 2 * cols, op::RmsNorm<S>{x.value(), w.value(), t.out(y), rstd, eps});
  });
  tape.record(y, {x, w}, {x, w}, [=](Tape<S, D>& t) {
    const auto dy = t.gradient(y);
    if (const auto dx = t.into(x))
      D::template rows<S>(rows, 3 * cols, op::RmsNormBackward<S>{x.value(), w.value(), dy, rstd, dx});
    if (const auto dw = t.into(w))
      D::template column_sums<S>(rows, cols, op::RmsNormWeightBackward<S>{x.value(), dy, rstd}, dw);
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
