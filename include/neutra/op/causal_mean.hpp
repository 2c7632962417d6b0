/// A causal running mean over the tokens of each sequence.
#pragma once

#include "neutra/autodiff/tape.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// y[t] = (x[0] + ... + x[t]) / (t + 1) in each sequence      x, y: (B*T,C)      saves: nothing
template <Scalar S> struct CausalMean {
  View<const S> x;
  View<S> y;
  Index length;

  template <class Row> NEUTRA_HD void operator()(Row row, Index b) const {
    row.each(x.cols(), [&](auto c) {
      auto sum = c.load(x.row(b * length));
      c.store(y.row(b * length), sum);
      for (Index t = 1; t < length; ++t) {
        sum = sum + c.load(x.row(b * length + t));
        c.store(y.row(b * length + t), sum * (S(1) / static_cast<S>(t + 1)));
      }
    });
  }
};

/// dx[u] = sum over t >= u of dy[t] / (t + 1)
template <Scalar S> struct CausalMeanBackward {
  View<const S> dy;
  Into<S> dx;
  Index length;

  template <class Row> NEUTRA_HD void operator()(Row row, Index b) const {
    row.each(dy.cols(), [&](auto c) {
      const Index last = (b + 1) * length - 1;
      auto sum = c.load(dy.row(last)) * (S(1) / static_cast<S>(length));
      c.write(dx, last, sum);
      for (Index t = length - 1; t-- > 0;) {
        sum = sum + c.load(dy.row(b * length + t)) * (S(1) / static_cast<S>(t + 1));
        c.write(dx, b * length + t, sum);
      }
    });
  }
};

}  // namespace op

/// The mean of each row and the rows before it in its sequence.      x, y: (B*T,C), T = length
template <Scalar S, Backend D> Var<S, D> causal_mean(Var<S, D> x, Index length) {
  const Index rows = x.shape().rows(), cols = x.shape().cols();
  require(length > 0 ? rows % length == 0 : rows == 0, "causal_mean: x must have whole sequences of ", length,
          " rows, got ", rows, " rows");
  auto& tape = x.tape();
  const auto y = tape.make(x.shape(), tape.capacity(x));
  const Index sequences = length > 0 ? rows / length : 0, cost = length * cols;
  D::template rows<S>(sequences, cost, op::CausalMean<S>{x.value(), tape.out(y), length});
  tape.record(y, {x}, {}, [=](Tape<S, D>& t) {
    D::template rows<S>(sequences, cost, op::CausalMeanBackward<S>{t.gradient(y), t.into(x), length});
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
