/// Sums and means, per row or of all elements.
#pragma once

#include "neutra/autodiff/tape.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// y[n] = scale * sum over c of x[n,c]      x: (N,C)  y: (N,1)      saves: nothing
template <Scalar S> struct RowSum {
  View<const S> x;
  View<S> y;
  S scale;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const S total = row.sum(x.cols(), [&](auto c) { return c.load(x.row(n)); });
    row.once([&] { y(n, 0) = scale * total; });
  }
};

/// dx[n,c] = scale dy[n], or scale dy[0] if dy is a scalar
template <Scalar S> struct SumBackward {
  View<const S> dy;
  Into<S> dx;
  S scale;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const S each = scale * dy.row(dy.size() == 1 ? 0 : n)[0];
    row.each(dx.view.cols(), [&](auto c) {
      using V = decltype(c.load(dx.view.row(n)));
      c.write(dx, n, V(each));
    });
  }
};

}  // namespace op

/// scale * sum over the channels of each row.      x: (N,C)  y: (N,1)
template <Scalar S, Backend D> Var<S, D> row_sum(Var<S, D> x, std::type_identity_t<S> scale = S(1)) {
  const Index rows = x.shape().rows(), cols = x.shape().cols();
  auto& tape = x.tape();
  const auto y = tape.make({rows, 1}, tape.capacity(x));
  D::template rows<S>(rows, cols, op::RowSum<S>{x.value(), tape.out(y), scale});
  tape.record(y, {x}, {}, [=](Tape<S, D>& t) {
    D::template rows<S>(rows, cols, op::SumBackward<S>{t.gradient(y), t.into(x), scale});
  });
  return y;
}

/// The mean over the channels of each row.      x: (N,C), C > 0  y: (N,1)
template <Scalar S, Backend D> Var<S, D> row_mean(Var<S, D> x) {
  require(x.shape().cols() > 0, "row_mean: x must have at least one channel, its shape is ", x.shape());
  return row_sum(x, S(1) / static_cast<S>(x.shape().cols()));
}

/// scale * sum over all elements.      x: any shape  y: a scalar
template <Scalar S, Backend D> Var<S, D> sum(Var<S, D> x, std::type_identity_t<S> scale = S(1)) {
  const Index rows = x.shape().rows(), cols = x.shape().cols();
  auto& tape = x.tape();
  const auto y = tape.make({});
  D::template sum<S>(x.value(), scale, {tape.out(y)});
  tape.record(y, {x}, {}, [=](Tape<S, D>& t) {
    D::template rows<S>(rows, cols, op::SumBackward<S>{t.gradient(y), t.into(x), scale});
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
