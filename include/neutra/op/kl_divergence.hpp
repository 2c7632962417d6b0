/// The divergence of a model's next-token distributions from those of a teacher.
#pragma once

#include "neutra/op/pointwise.hpp"

#include <cmath>

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// values[n] = weight[n] sum over c of p[n,c] (log p[n,c] - log q[n,c]),  p = softmax(teacher), q = softmax(x)
/// x, teacher: (N,C)  weight: (N), or null for 1  values: (N)      saves: x, teacher
template <Scalar S> struct KlDivergence {
  View<const S> x, teacher;
  const S* weight;
  S* values;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    if (weight && weight[n] == S(0)) return row.once([&] { values[n] = S(0); });
    const Index cols = x.cols();
    const S *xn = x.row(n), *tn = teacher.row(n);
    const S x_most = row.max(cols, [&](auto c) { return c.load(xn); });
    const S t_most = row.max(cols, [&](auto c) { return c.load(tn); });
    const S x_sum = row.sum(cols, [&](auto c) { return math::exp(c.load(xn) - x_most); });
    const S t_sum = row.sum(cols, [&](auto c) { return math::exp(c.load(tn) - t_most); });
    const S shift = std::log(t_sum / x_sum);  // before the sum: the terms of close distributions stay small
    const S total = row.sum(cols, [&](auto c) {
      const auto t = c.load(tn) - t_most;
      return math::exp(t) * (t - (c.load(xn) - x_most) - shift);
    });
    row.once([&] { values[n] = (weight ? weight[n] : S(1)) * total / t_sum; });
  }
};

/// dx = dvalue scale weight[n] (q - p)
template <Scalar S> struct KlDivergenceBackward {
  View<const S> x, teacher;
  const S* weight;
  const S* dvalue;
  Into<S> dx;
  S scale;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const Index cols = x.cols();
    if (weight && weight[n] == S(0)) {
      if (!dx.add) row.each(cols, [&](auto c) { c.fill(dx.view.row(n), S(0)); });
      return;
    }
    const S *xn = x.row(n), *tn = teacher.row(n);
    const S x_most = row.max(cols, [&](auto c) { return c.load(xn); });
    const S t_most = row.max(cols, [&](auto c) { return c.load(tn); });
    const S x_sum = row.sum(cols, [&](auto c) { return math::exp(c.load(xn) - x_most); });
    const S t_sum = row.sum(cols, [&](auto c) { return math::exp(c.load(tn) - t_most); });
    const S factor = *dvalue * scale * (weight ? weight[n] : S(1));
    row.each(cols, [&](auto c) {
      c.write(dx, n,
              math::exp(c.load(xn) - x_most) * (factor / x_sum) - math::exp(c.load(tn) - t_most) * (factor / t_sum));
    });
  }
};

}  // namespace op

/// scale * sum over n of weight[n] KL(softmax(teacher[n]) || softmax(x[n])), in nats. The teacher is a constant.
/// x, teacher: (N,C) logits  weight: (N) in device memory, null counts every row once  result: a scalar
/// Hinton, Vinyals, Dean 2015, arXiv 1503.02531
template <Scalar S, Backend D>
Var<S, D> kl_divergence(Var<S, D> x, std::type_identity_t<Var<S, D>> teacher, const S* weight,
                        std::type_identity_t<S> scale) {
  require(x.shape() == teacher.shape(), "kl_divergence: logits and the teacher's must have equal shapes, got ",
          x.shape(), " and ", teacher.shape());
  const Index rows = x.shape().rows(), cost = 2 * op::transcendental_cost * x.shape().cols();
  auto& tape = x.tape();
  const auto loss = tape.make({});
  S* values = tape.template memory<S>(tape.capacity(x));
  D::template rows<S>(rows, cost, op::KlDivergence<S>{x.value(), teacher.value(), weight, values});
  D::template sum<S>(View<const S>(values, Shape{rows}), scale, {tape.out(loss)});
  tape.record(loss, {x}, {x, teacher}, [=](Tape<S, D>& t) {
    D::template rows<S>(
        rows, cost,
        op::KlDivergenceBackward<S>{x.value(), teacher.value(), weight, t.gradient(loss).data, t.into(x), scale});
  });
  return loss;
}

}}  // namespace neutra::NEUTRA_ABI
