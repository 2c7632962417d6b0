/// RMS norm.      Zhang & Sennrich 2019, arXiv 1910.07467
#pragma once

#include "neutra/autodiff/tape.hpp"

#include <cmath>

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// y = (offset + w) x rstd,  rstd = 1 / sqrt(mean(x^2) + eps)      x, y: (N,C)  w: (C)      saves: x, w, rstd (N)
template <Scalar S> struct RmsNorm {
  View<const S> x, w;
  View<S> y;
  S* rstd;  // null if no backward pass is wanted
  S eps, offset = 0;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const Index cols = x.cols();
    const S* xn = x.row(n);
    const S scale =
        S(1) / std::sqrt(row.sum(cols, [&](auto c) { return c.load(xn) * c.load(xn); }) / static_cast<S>(cols) + eps);
    if (rstd) rstd[n] = scale;
    row.each(cols, [&](auto c) { c.store(y.row(n), c.load(xn) * scale * (c.load(w.data) + offset)); });
  }

  static void reference(View<const S> x, View<const S> w, View<S> y, S eps, S offset = 0) {
    for (Index n = 0; n < x.rows(); ++n) {
      S square = 0;
      for (Index c = 0; c < x.cols(); ++c) square += x(n, c) * x(n, c);
      for (Index c = 0; c < x.cols(); ++c)
        y(n, c) = (w.data[c] + offset) * x(n, c) / std::sqrt(square / static_cast<S>(x.cols()) + eps);
    }
  }
};

/// dx = rstd (w dy - x rstd^2 mean(w dy x)), with offset + w for w
template <Scalar S> struct RmsNormBackward {
  View<const S> x, w, dy;
  const S* rstd;
  Into<S> dx;
  S offset = 0;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const Index cols = x.cols();
    const S *xn = x.row(n), *dyn = dy.row(n), scale = rstd[n];
    const S dot = row.sum(cols, [&](auto c) { return (c.load(w.data) + offset) * c.load(dyn) * c.load(xn); });
    const S shrink = scale * scale * scale * dot / static_cast<S>(cols);
    row.each(cols,
             [&](auto c) { c.write(dx, n, (c.load(w.data) + offset) * c.load(dyn) * scale - c.load(xn) * shrink); });
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

/// y = (offset + w) x / sqrt(mean(x^2) + eps), mean over each C elements of a row: over rows, or over the heads in them
/// x, y: (N,H*C)  w: (C)      offset: 1 where a file stores the weights less 1 (Gemma)
template <Scalar S, Backend D>
Var<S, D> rms_norm(Var<S, D> x, std::type_identity_t<Var<S, D>> w, std::type_identity_t<S> eps = S(1e-5),
                   std::type_identity_t<S> offset = 0) {
  const Index cols = w.shape().cols(), width = x.shape().cols();
  const Index heads = cols > 0 ? width / cols : 1, rows = x.shape().rows() * heads;
  require(w.shape().rank() == 1 && cols * heads == width, "rms_norm: w must be (C) with H*C = ", width, ", got ",
          w.shape(), "; x is ", x.shape());
  auto& tape = x.tape();
  const auto y = tape.make(x.shape(), tape.capacity(x));
  S* rstd = tape.wanted({x, w}) ? tape.template memory<S>(tape.capacity(x) * heads) : nullptr;
  const Shape by_head{rows, cols};
  const auto split = [by_head, heads](auto view) {
    return decltype(view)(view.data, by_head, heads > 1 ? by_head.cols() : view.stride);
  };
  tape.rematerialise(y, {x, w}, [=](Tape<S, D>& t) {
    D::template rows<S>(rows, 2 * cols,
                        op::RmsNorm<S>{split(x.value()), w.value(), split(t.out(y)), rstd, eps, offset});
  });
  tape.record(y, {x, w}, {x, w}, [=](Tape<S, D>& t) {
    const View<const S> xs = split(View<const S>(x.value())), dy = split(View<const S>(t.gradient(y)));
    if (auto dx = t.into(x)) {
      dx.view = split(dx.view);
      D::template rows<S>(rows, 3 * cols, op::RmsNormBackward<S>{xs, w.value(), dy, rstd, dx, offset});
    }
    if (const auto dw = t.into(w))
      D::template column_sums<S>(rows, cols, op::RmsNormWeightBackward<S>{xs, dy, rstd}, dw);
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
