/// The language-model loss, fused with the head: the logits of a whole batch are never in memory at once.
#pragma once

#include "neutra/core/math.hpp"
#include "neutra/op/linear.hpp"
#include "neutra/op/pointwise.hpp"

#include <cmath>
#include <limits>

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// Logits as the products give them.
struct Uncapped {
  template <class Row, Scalar S> NEUTRA_HD void apply(Row, S*, Index) const {}
  template <class V> NEUTRA_HD V slope(V) const { return V(1); }
};

/// Logits c tanh(z / c) of products z: applied in place, and the derivative of a capped logit y by z.
template <Scalar S> struct Capped {
  SoftCap<S> cap;
  template <class Row> NEUTRA_HD void apply(Row row, S* z, Index cols) const {
    row.each(cols, [&](auto c) { c.store(z, cap.f(c.load(z))); });
  }
  template <class V> NEUTRA_HD V slope(V y) const { return cap.df(y, y); }
};

/// loss[n] = log(sum exp(logits[n])) - logits[n, target[n]]; replaces the logits by scale (softmax - onehot), the
/// gradient by the products, in place. Of a row that is not scored, all are 0.
/// logits: (M,V), before the cap   loss: (M)
template <Scalar S, class Cap> struct SoftmaxLoss {
  View<S> logits;
  const std::int32_t* targets;
  S* loss;
  S scale;
  Cap cap;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    S* x = logits.row(n);
    const Index cols = logits.cols(), target = targets[n];
    if (target == not_scored) {
      row.once([&] { loss[n] = S(0); });
      return row.each(cols, [&](auto c) { c.fill(x, S(0)); });
    }
    cap.apply(row, x, cols);
    const S top = row.max(cols, [&](auto c) { return c.load(x); });
    const S slope = cap.slope(x[target]);
    const S total = row.sum(cols, [&](auto c) { return math::exp(c.load(x) - top); });
    row.once([&] { loss[n] = std::log(total) - (x[target] - top); });
    const S factor = scale / total;
    row.each(cols, [&](auto c) {
      const auto y = c.load(x);
      c.store(x, math::exp(y - top) * factor * cap.slope(y));
    });
    row.once([&] { x[target] -= scale * slope; });
  }
};

/// Online softmax over a vocabulary in chunks. `largest` is the running maximum, `total` the sum of
/// exp(score - largest).
/// For tokens first .. first + P - 1:
///   largest' = max(largest, scores)
///   shrink   = exp(largest - largest')
///   total'   = shrink total + sum of exp(scores - largest')
/// The scores are replaced by exp(scores - largest') times the slope of the cap, and by 0 for the target, whose term
/// SoftmaxEnd adds unrounded. dx, the sum over earlier chunks, is multiplied by shrink.
/// scores: (M,P), before the cap   dx: (M,C), or none      Milakov & Gimelshein 2018, arXiv 1805.02867
template <Scalar S, class Cap> struct SoftmaxPart {
  View<S> scores, dx;
  const std::int32_t* targets;
  Index first;
  S *largest, *total, *target_score;
  Cap cap;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    S* x = scores.row(n);
    const Index cols = scores.cols(), target = targets[n] - first;
    const bool here = target >= 0 && target < cols;
    cap.apply(row, x, cols);
    row.once([&] {
      if (here) target_score[n] = x[target];
    });
    constexpr S none = -std::numeric_limits<S>::infinity();
    const S before = first > 0 ? largest[n] : none, top = row.max(cols, [&](auto c) { return c.load(x); }),
            now = before < top ? top : before;
    const S shift = now == none ? S(0) : now, shrink = std::exp(before - shift);  // 0 in the first chunk
    const S sum = row.sum(cols, [&](auto c) {
      const auto y = c.load(x), e = math::exp(y - shift);
      c.store(x, e * cap.slope(y));
      return e;
    });
    row.once([&] {
      if (here) x[target] = S(0);
      total[n] = first > 0 ? shrink * total[n] + sum : sum;
      largest[n] = now;
    });
    if (dx.data && first > 0 && shrink != S(1))
      row.each(dx.cols(), [&](auto c) { c.store(dx.row(n), c.load(dx.row(n)) * shrink); });
  }
};

/// loss[n] = log(total) + largest - score of the target
/// dx[n] = scale (dx[n] / total - slope (1 - p) W[target]),  p = exp(score of the target - largest) / total
/// Both are 0 for a row that is not scored.
/// W: (V,C), of S or of a type T that S is rounded to      slope: of the cap, at the score of the target
template <Scalar S, class T, class Cap> struct SoftmaxEnd {
  View<const T> w;
  View<S> dx;
  const std::int32_t* targets;
  const S *largest, *total, *target_score;
  S* loss;
  S scale;
  Cap cap;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    if (targets[n] == not_scored) {
      row.once([&] { loss[n] = S(0); });
      if (dx.data) row.each(dx.cols(), [&](auto c) { c.fill(dx.row(n), S(0)); });
      return;
    }
    const S behind = target_score[n] - largest[n];
    row.once([&] { loss[n] = std::log(total[n]) - behind; });
    if (!dx.data) return;
    const S factor = scale / total[n], own = (total[n] - std::exp(behind)) * factor * cap.slope(target_score[n]);
    row.each(dx.cols(),
             [&](auto c) { c.store(dx.row(n), c.load(dx.row(n)) * factor - c.load(w.row(targets[n])) * own); });
  }
};

/// The losses of all rows, and dx if given, for a head that is not trained. So few scores are in memory at a time
/// (loss_rows x loss_words of the device) that they stay in L2 cache between the two matmuls.      x, dx: (N,C)   loss:
/// (N)
template <Scalar S, Backend D, class Cap>
void loss_by_chunks(View<const S> x, Var<S, D> w, const std::int32_t* targets, S scale, S* loss, View<S> dx, Cap cap) {
  auto& tape = w.tape();
  const RowChunks parts{w.shape().rows(), D::loss_words};
  const DType precision = tape.precision();
  const Index rows = x.rows(), chunk = std::min(D::loss_rows(parts.largest()), rows);
  S* scores = tape.template memory<S>(chunk * parts.largest());
  S *largest = tape.template memory<S>(chunk), *total = tape.template memory<S>(chunk),
    *target_score = tape.template memory<S>(chunk);
  for (Index first = 0; first < rows; first += chunk) {
    const Index count = std::min(chunk, rows - first);
    const View<S> dx_here = dx.data ? dx.slice(first, count) : View<S>{};
    for (Index part = 0; part < parts.count(); ++part) {
      const Index word = parts.begin(part), words = parts.begin(part + 1) - word;
      const View<S> here(scores, {count, words});
      Linear<S, D>::product_part({x.slice(first, count), false, precision}, w, part, true, {here});
      D::template rows<S>(count, transcendental_cost * words,
                          SoftmaxPart<S, Cap>{here, dx_here, targets + first, word, largest, total, target_score, cap});
      if (dx.data) Linear<S, D>::product_part({here, false, precision}, w, part, false, {dx_here, part > 0});
    }
    with_dtype<S>(w.dtype(), [&]<class T>() {
      D::template rows<S>(count, 2 * x.cols(),
                          SoftmaxEnd<S, T, Cap>{w.template value<T>(), dx_here, targets + first, largest, total,
                                                target_score, loss + first, scale, cap});
    });
  }
}

/// The losses of all rows, the gradient of a trained head, and dx if given.      x, dx: (N,C)   dw: (V,C)   loss: (N)
template <Scalar S, Backend D, class Cap>
void loss_by_rows(View<const S> x, Var<S, D> w, const std::int32_t* targets, S scale, S* loss, View<S> dx, View<S> dw,
                  Cap cap) {
  auto& tape = w.tape();
  const DType precision = tape.precision();
  const Index rows = x.rows(), vocabulary = w.shape().rows(), chunk = std::min(D::loss_rows(vocabulary), rows);
  const View<S> logits(tape.template memory<S>(chunk * vocabulary), {chunk, vocabulary});
  for (Index first = 0; first < rows || first == 0; first += chunk) {  // one iteration for no rows too, to write dW
    const Index count = std::min(chunk, rows - first);
    const View<const S> here = x.slice(first, count);
    const View<S> scores = logits.slice(0, count);
    Linear<S, D>::product({here, false, precision}, w, true, scores);
    D::template rows<S>(count, 2 * transcendental_cost * vocabulary,
                        SoftmaxLoss<S, Cap>{scores, targets + first, loss + first, scale, cap});
    if (dx.data) Linear<S, D>::product({scores, false, precision}, w, false, dx.slice(first, count));
    Linear<S, D>::weight_gradient({scores, false, precision}, {here, false, precision}, {dw, first > 0});
    if (rows == 0) return;
  }
}

/// to = upstream[0] from: the gradient of the loss stays in device memory      from, to: (N,C)
template <Scalar S> struct TimesUpstream {
  View<const S> from;
  const S* upstream;
  Into<S> to;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const S factor = *upstream;
    row.each(from.cols(), [&](auto c) { c.write(to, n, c.load(from.row(n)) * factor); });
  }
};

}  // namespace op

/// scale * sum over n of -log softmax(x[n] W^T)[target[n]], without the rows whose target is not_scored
/// With a cap c > 0 the logits are c tanh(x[n] W^T / c).
/// x: (N,C)  W: (V,C)  targets: (N), on the host  result: a scalar      saves: dx, and dW if W is trained
/// dX and dW are computed in the forward pass while the logits are in cache; the backward pass scales them. The
/// gradient of a trained W needs the softmax of whole rows, so loss_rows rows of logits are in memory at a time; for a
/// frozen W see op::loss_by_chunks.
template <Scalar S, Backend D>
Var<S, D> cross_entropy(Var<S, D> x, std::type_identity_t<Var<S, D>> w, std::span<const std::int32_t> targets,
                        std::type_identity_t<S> scale, std::type_identity_t<S> cap = 0) {
  const Index rows = x.shape().rows(), cols = x.shape().cols(), vocabulary = w.shape().rows();
  require(static_cast<Index>(targets.size()) == rows, "cross_entropy: one target per row is needed, got ",
          targets.size(), " for ", rows, " rows");
  require(w.shape().rank() == 2 && w.shape().cols() == cols, "cross_entropy: W must be (V,C) with C = ", cols, ", got ",
          w.shape());
  for (Index n = 0; n < rows; ++n) {
    const std::int32_t target = targets[static_cast<std::size_t>(n)];
    require(target == not_scored || (target >= 0 && target < vocabulary), "cross_entropy: target ", target,
            " at position ", n, " is outside the vocabulary of ", vocabulary);
  }
  require(cap >= 0 && std::isfinite(cap), "cross_entropy: the cap must be zero (none) or more, got ", cap);
  auto& tape = x.tape();
  const auto loss = tape.make({});
  S* values = tape.template memory<S>(rows);
  auto* wanted = tape.template memory<std::int32_t>(rows);  // the targets in device memory
  D::template upload<std::int32_t>(targets, wanted);
  const View<S> dx(x.needs_gradient() ? tape.template memory<S>(rows * cols) : nullptr, {rows, cols});
  const View<S> dw(w.needs_gradient() ? tape.template memory<S>(vocabulary * cols) : nullptr, {vocabulary, cols});
  const auto compute = [&](auto of_logits) {
    if (dw.data)
      op::loss_by_rows(x.value(), w, wanted, scale, values, dx, dw, of_logits);
    else
      op::loss_by_chunks(x.value(), w, wanted, scale, values, dx, of_logits);
  };
  if (cap > 0)
    compute(op::Capped<S>{{cap}});
  else
    compute(op::Uncapped{});
  D::template sum<S>(View<const S>(values, Shape{rows}), scale, {tape.out(loss)});
  tape.record(loss, {x, w}, {}, [=](Tape<S, D>& t) {
    const S* upstream = t.gradient(loss).data;
    if (dx.data) D::template rows<S>(rows, cols, op::TimesUpstream<S>{dx, upstream, t.into(x)});
    if (dw.data) D::template rows<S>(vocabulary, cols, op::TimesUpstream<S>{dw, upstream, t.into(w)});
  });
  return loss;
}

}}  // namespace neutra::NEUTRA_ABI
