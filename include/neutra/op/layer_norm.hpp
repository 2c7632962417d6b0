/// Layer norm.      Ba, Kiros & Hinton 2016, arXiv 1607.06450
#pragma once

#include "neutra/op/accumulate.hpp"

#include <cmath>

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// y = w z + b,  z = (x - mean(x)) rstd,  rstd = 1 / sqrt(mean((x - mean(x))^2) + eps)
/// x, y: (N,C)  w, b: (C)      saves: x, w, mean (N), rstd (N)
template <Scalar S> struct LayerNorm {
  View<const S> x, w, b;
  View<S> y;
  S *mean, *rstd;  // null if no backward pass is wanted
  S eps;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const Index cols = x.cols();
    const S *xn = x.row(n), count = static_cast<S>(cols);
    const S centre = row.sum(cols, [&](auto c) { return c.load(xn); }) / count;
    const S square = row.sum(cols, [&](auto c) { return (c.load(xn) - centre) * (c.load(xn) - centre); });
    const S scale = S(1) / std::sqrt(square / count + eps);
    if (rstd) mean[n] = centre;
    if (rstd) rstd[n] = scale;
    row.each(cols, [&](auto c) { c.store(y.row(n), (c.load(xn) - centre) * scale * c.load(w.data) + c.load(b.data)); });
  }

  static void reference(View<const S> x, View<const S> w, View<const S> b, View<S> y, S eps) {
    for (Index n = 0; n < x.rows(); ++n) {
      const S count = static_cast<S>(x.cols());
      S centre = 0, square = 0;
      for (Index c = 0; c < x.cols(); ++c) centre += x(n, c) / count;
      for (Index c = 0; c < x.cols(); ++c) square += (x(n, c) - centre) * (x(n, c) - centre) / count;
      for (Index c = 0; c < x.cols(); ++c)
        y(n, c) = w.data[c] * (x(n, c) - centre) / std::sqrt(square + eps) + b.data[c];
    }
  }
};

/// dx = rstd (g - mean(g) - z mean(g z)),  g = w dy
template <Scalar S> struct LayerNormBackward {
  View<const S> x, w, dy;
  const S *mean, *rstd;
  Into<S> dx;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const Index cols = x.cols();
    const S *xn = x.row(n), *dyn = dy.row(n), centre = mean[n], scale = rstd[n], count = static_cast<S>(cols);
    const S level = row.sum(cols, [&](auto c) { return c.load(w.data) * c.load(dyn); }) / count;
    const S dot = row.sum(cols, [&](auto c) { return c.load(w.data) * c.load(dyn) * (c.load(xn) - centre); });
    const S shrink = scale * scale * dot / count;
    row.each(cols, [&](auto c) {
      c.write(dx, n, (c.load(w.data) * c.load(dyn) - level - (c.load(xn) - centre) * shrink) * scale);
    });
  }
};

/// dw = sum over rows of dy z
template <Scalar S> struct LayerNormWeightBackward {
  View<const S> x, dy;
  const S *mean, *rstd;

  template <class Lanes> NEUTRA_HD auto operator()(Index n, Lanes c) const {
    return c.load(dy.row(n)) * (c.load(x.row(n)) - mean[n]) * rstd[n];
  }
};

}  // namespace op

/// y = w (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) + b, means over the last axis      x, y: (N,C)  w, b: (C)
template <Scalar S, Backend D>
Var<S, D> layer_norm(Var<S, D> x, std::type_identity_t<Var<S, D>> w, std::type_identity_t<Var<S, D>> b,
                     std::type_identity_t<S> eps = S(1e-5)) {
  const Index rows = x.shape().rows(), cols = x.shape().cols();
  const auto fits = [&](Var<S, D> v) { return v.shape().rank() == 1 && v.shape().cols() == cols; };
  require(fits(w) && fits(b), "layer_norm: w and b must be (C) with C = ", cols, ", got ", w.shape(), " and ",
          b.shape(), "; x is ", x.shape());
  auto& tape = x.tape();
  const auto y = tape.make(x.shape(), tape.capacity(x));
  const bool wanted = tape.wanted({x, w});
  S* mean = wanted ? tape.template memory<S>(tape.capacity(x)) : nullptr;
  S* rstd = wanted ? tape.template memory<S>(tape.capacity(x)) : nullptr;
  // not rematerialised: Tape::rematerialise takes at most two inputs
  D::template rows<S>(rows, 3 * cols, op::LayerNorm<S>{x.value(), w.value(), b.value(), tape.out(y), mean, rstd, eps});
  tape.record(y, {x, w, b}, {x, w}, [=](Tape<S, D>& t) {
    const auto dy = t.gradient(y);
    if (const auto dx = t.into(x))
      D::template rows<S>(rows, 4 * cols, op::LayerNormBackward<S>{x.value(), w.value(), dy, mean, rstd, dx});
    if (const auto dw = t.into(w))
      D::template column_sums<S>(rows, cols, op::LayerNormWeightBackward<S>{x.value(), dy, mean, rstd}, dw);
    if (const auto db = t.into(b)) D::template column_sums<S>(rows, cols, op::SumOfRows<S>{dy}, db);
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
