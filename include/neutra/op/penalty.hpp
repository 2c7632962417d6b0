/// Local losses: functions of the residue or the gate of a token, summed over counted tokens.
#pragma once

#include "neutra/autodiff/tape.hpp"
#include "neutra/core/math.hpp"
#include "neutra/core/strict.hpp"
#include "neutra/op/pointwise.hpp"

namespace neutra { inline namespace NEUTRA_ABI {

/// The tokens that a local loss counts, and their domains. Device memory.
///   weight: (N), 1 or 0; null counts all tokens
///   label:  (N), 0 original, 1 target
///   index:  row i belongs to token index[i]; null: to token i
template <Scalar S> struct Counted {
  const S* weight = nullptr;
  const S* label = nullptr;
  const std::int32_t* index = nullptr;

  NEUTRA_HD Index token(Index row) const { return index ? index[row] : row; }
  NEUTRA_HD S counts(Index row) const { return weight ? weight[token(row)] : S(1); }
};

namespace op {

/// values[i] = counts(i) f(sums[i]),  sums[i]: sums over the channels of r[i] and y[token(i)], for counted tokens only
/// r: (M,C)  y: (N,C)  sums, values: (M)
template <Scalar S, RowFunction P> struct ResiduePenalty {
  View<const S> r, y;
  Counted<S> counted;
  RowSums<S>* sums;
  S* values;
  P penalty;

  template <class Row> NEUTRA_HD void operator()(Row row, Index i) const {
    const S counts = counted.counts(i);
    if (counts == S(0)) return row.once([&] { values[i] = S(0); });
    const S *ri = r.row(i), *yi = y.row(counted.token(i));
    const RowSums<S> found{row.sum(r.cols(), [&](auto c) { return math::abs(c.load(ri)); }),
                           row.sum(r.cols(), [&](auto c) { return c.load(ri) * c.load(ri); }),
                           row.sum(r.cols(), [&](auto c) { return c.load(yi) * c.load(yi); }),
                           static_cast<S>(r.cols())};
    row.once([&] {
      sums[i] = found;
      values[i] = counts * penalty.f(found);
    });
  }
};

/// dr = scale counts(i) (f_absolute sign(r) + 2 f_square r)      saves: r, sums
template <Scalar S, RowFunction P> struct ResiduePenaltyBackward {
  View<const S> r;
  Counted<S> counted;
  const RowSums<S>* sums;
  P penalty;
  const S* dvalue;
  Into<S> dr;
  S scale;

  template <class Row> NEUTRA_HD void operator()(Row row, Index i) const {
    const S counts = counted.counts(i);
    const Index cols = r.cols();
    const S* ri = r.row(i);
    if (counts == S(0)) {
      if (!dr.add) row.each(cols, [&](auto c) { c.fill(dr.view.row(i), S(0)); });
      return;
    }
    const RowSlopes<S> slope = penalty.df(sums[i]);
    const S by_absolute = *dvalue * scale * counts * slope.absolute,
            by_square = *dvalue * scale * counts * S(2) * slope.square;
    row.each(cols, [&](auto c) { c.write(dr, i, math::sign(c.load(ri)) * by_absolute + c.load(ri) * by_square); });
  }
};

/// values[n] = counts(n) / G * sum over the G gate channels of f(g, s, label)
/// g, s: (N,G)  values: (N)      saves: g, s
template <Scalar S, GateFunction P> struct GatePenalty {
  View<const S> g, s;
  Counted<S> counted;
  S* values;
  P penalty;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const S label = counted.label ? counted.label[counted.token(n)] : S(0);
    const S total = row.sum(g.cols(), [&](auto c) {
      const auto gate = c.load(g.row(n));
      return penalty.f(gate, c.load(s.row(n)), decltype(gate)(label));
    });
    const S counts = counted.counts(n);
    row.once([&] { values[n] = counts == S(0) ? S(0) : counts * total / static_cast<S>(g.cols()); });
  }
};

/// dg = scale counts / G f_g      ds = scale counts / G f_s
template <Scalar S, GateFunction P> struct GatePenaltyBackward {
  View<const S> g, s;
  Counted<S> counted;
  P penalty;
  const S* dvalue;
  Into<S> dg, ds;
  S scale;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const S counts = counted.counts(n);
    if (counts == S(0)) {  // 0 even if the gate of an uncounted token is infinite
      if (dg && !dg.add) row.each(g.cols(), [&](auto c) { c.fill(dg.view.row(n), S(0)); });
      if (ds && !ds.add) row.each(g.cols(), [&](auto c) { c.fill(ds.view.row(n), S(0)); });
      return;
    }
    const S factor = *dvalue * scale * counts / static_cast<S>(g.cols());
    const S label = counted.label ? counted.label[counted.token(n)] : S(0);
    row.each(g.cols(), [&](auto c) {
      const auto gate = c.load(g.row(n)), logit = c.load(s.row(n)), from = decltype(gate)(label);
      if (dg) c.write(dg, n, penalty.dg(gate, logit, from) * factor);
      if (ds) c.write(ds, n, penalty.ds(gate, logit, from) * factor);
    });
  }
};

}  // namespace op

/// scale * sum over counted rows of penalty(r, y). y, the output to which the residue is added, is a constant.
/// r: (M,C)   y: (N,C)   result: a scalar
template <RowFunction P, Scalar S, Backend D>
Var<S, D> residue_penalty(const P& penalty, Var<S, D> r, std::type_identity_t<Var<S, D>> y, const Counted<S>& counted,
                          std::type_identity_t<S> scale) {
  static_assert(check_row_function<P>());
  const Index rows = r.shape().rows(), cols = r.shape().cols();
  require(y.shape().cols() == cols, "residue_penalty: r and y must have equal widths, got ", r.shape(), " and ",
          y.shape());
  auto& tape = r.tape();
  const auto loss = tape.make({});
  auto* sums = tape.template memory<RowSums<S>>(tape.capacity(r));
  S* values = tape.template memory<S>(tape.capacity(r));
  D::template rows<S>(rows, 3 * cols, op::ResiduePenalty<S, P>{r.value(), y.value(), counted, sums, values, penalty});
  D::template sum<S>(View<const S>(values, Shape{rows}), scale, {tape.out(loss)});
  tape.record(loss, {r}, {r}, [=](Tape<S, D>& t) {
    D::template rows<S>(
        rows, cols,
        op::ResiduePenaltyBackward<S, P>{r.value(), counted, sums, penalty, t.gradient(loss).data, t.into(r), scale});
  });
  return loss;
}

/// scale * sum over counted tokens of the mean over gate channels of penalty(g, s, label)
/// g, s: (N,1) or (N,C)   result: a scalar
template <GateFunction P, Scalar S, Backend D>
Var<S, D> gate_penalty(const P& penalty, Var<S, D> g, std::type_identity_t<Var<S, D>> s, const Counted<S>& counted,
                       std::type_identity_t<S> scale) {
  static_assert(check_gate_function<P>());
  require(g.shape() == s.shape(), "gate_penalty: a gate and its logits must have equal shapes, got ", g.shape(),
          " and ", s.shape());
  const Index rows = g.shape().rows(), cost = op::transcendental_cost * g.shape().cols();
  auto& tape = g.tape();
  const auto loss = tape.make({});
  S* values = tape.template memory<S>(tape.capacity(g));
  D::template rows<S>(rows, cost, op::GatePenalty<S, P>{g.value(), s.value(), counted, values, penalty});
  D::template sum<S>(View<const S>(values, Shape{rows}), scale, {tape.out(loss)});
  tape.record(loss, {g, s}, {g, s}, [=](Tape<S, D>& t) {
    D::template rows<S>(rows, cost,
                        op::GatePenaltyBackward<S, P>{g.value(), s.value(), counted, penalty, t.gradient(loss).data,
                                                      t.into(g), t.into(s), scale});
  });
  return loss;
}

}}  // namespace neutra::NEUTRA_ABI
