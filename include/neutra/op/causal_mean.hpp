/// A causal running mean over the tokens of each sequence, plain or exponential.
#pragma once

#include "neutra/autodiff/tape.hpp"

#include <cmath>

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// The weight of the running sum at position t: 1 / (1 + decay + ... + decay^t), or 1 where the sum itself is meant.
template <Scalar S> struct MeanWeight {
  S decay, log_decay;
  bool sum;

  MeanWeight(S of, bool as_sum) : decay(of), log_decay(std::log(of)), sum(as_sum) {}
  NEUTRA_HD S at(Index t) const {
    if (sum) return S(1);
    const S count = static_cast<S>(t + 1);
    return decay == S(1) ? S(1) / count : (decay - S(1)) / std::expm1(count * log_decay);
  }
};

/// y[t] = w_t (x[t] + decay x[t-1] + ... + decay^t x[0]) in each sequence, w: MeanWeight
/// x, y: (B*T,C)      saves: nothing
template <Scalar S> struct CausalMean {
  View<const S> x;
  View<S> y;
  Index length;
  MeanWeight<S> weight;
  S* running = nullptr;  // (C), if the one sequence has a past: the sum so far, before and after
  Index past = 0;        // its tokens

  template <class Row> NEUTRA_HD void operator()(Row row, Index b) const {
    row.each(x.cols(), [&](auto c) {
      auto sum = c.load(x.row(b * length));
      if (past > 0) sum = c.load(running) * weight.decay + sum;
      c.store(y.row(b * length), sum * weight.at(past));
      for (Index t = 1; t < length; ++t) {
        sum = sum * weight.decay + c.load(x.row(b * length + t));
        c.store(y.row(b * length + t), sum * weight.at(past + t));
      }
      if (running) c.store(running, sum);
    });
  }
};

/// dx[u] = sum over t >= u of decay^(t-u) w_t dy[t]
template <Scalar S> struct CausalMeanBackward {
  View<const S> dy;
  Into<S> dx;
  Index length;
  MeanWeight<S> weight;

  template <class Row> NEUTRA_HD void operator()(Row row, Index b) const {
    row.each(dy.cols(), [&](auto c) {
      const Index last = (b + 1) * length - 1;
      auto sum = c.load(dy.row(last)) * weight.at(length - 1);
      c.write(dx, last, sum);
      for (Index t = length - 1; t-- > 0;) {
        sum = sum * weight.decay + c.load(dy.row(b * length + t)) * weight.at(t);
        c.write(dx, b * length + t, sum);
      }
    });
  }
};

}  // namespace op

/// The mean of each row and the rows before it in its sequence; a row k places back weighs decay^k. A decay of 1 is the
/// plain mean. sum: the weighted sum itself, y[t] = decay y[t-1] + x[t] from y = 0.
/// Behind a past (Tape::past) it continues the sums of the passes before.
/// x, y: (B*T,C), T = length      Error: a decay outside (0, 1].
template <Scalar S, Backend D>
Var<S, D> causal_mean(Var<S, D> x, Index length, std::type_identity_t<S> decay = S(1), bool sum = false) {
  const Index rows = x.shape().rows(), cols = x.shape().cols();
  require(length > 0 ? rows % length == 0 : rows == 0, "causal_mean: x must have whole sequences of ", length,
          " rows, got ", rows, " rows");
  require(decay > S(0) && decay <= S(1), "causal_mean: the decay must be above 0 and at most 1, got ", decay);
  auto& tape = x.tape();
  const auto y = tape.make(x.shape(), tape.capacity(x));
  const Index sequences = length > 0 ? rows / length : 0, cost = length * cols;
  const op::MeanWeight<S> weight(decay, sum);
  op::CausalMean<S> mean{x.value(), tape.out(y), length, weight};
  if (Past<S, D>* const past = tape.past()) {
    require(sequences == 1, "causal_mean: a past is of one sequence, got ", sequences);
    mean.running = past->numbers(cols);
    mean.past = past->length();
  }
  D::template rows<S>(sequences, cost, mean);
  tape.record(y, {x}, {}, [=](Tape<S, D>& t) {
    D::template rows<S>(sequences, cost, op::CausalMeanBackward<S>{t.gradient(y), t.into(x), length, weight});
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
