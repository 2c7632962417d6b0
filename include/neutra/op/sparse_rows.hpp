/// Computing on a subset of rows: gather the open tokens, scatter their results.
#pragma once

#include "neutra/op/accumulate.hpp"

namespace neutra { inline namespace NEUTRA_ABI {

/// A subset of N rows, in scratch memory of the tape.
///   index: (count), the rows, ascending
///   place: (N), the position of a row in index, or -1
struct RowSet {
  const std::int32_t* index = nullptr;
  const std::int32_t* place = nullptr;
  Index count = 0, total = 0;

  /// Whether the set holds every row, so that nothing need be gathered or scattered.
  bool all() const { return count == total; }
};

/// The rows with g != 0 or slope != 0; without a slope, as at inference, those with g != 0.      g, slope: (N,1)
template <Scalar S, Backend D> RowSet open_rows(Var<S, D> g, View<const S> slope = {}) {
  require(g.shape().cols() == 1, "open_rows: the gate must be one number per token, got ", g.shape());
  auto& tape = g.tape();
  RowSet set;
  set.total = g.shape().rows();
  auto* index = tape.template memory<std::int32_t>(set.total);
  auto* place = tape.template memory<std::int32_t>(set.total);
  set.count = D::template open_rows<S>(g.value(), slope, index, place);
  set.index = index;
  set.place = place;
  return set;
}

namespace op {

/// y[i] = x[index[i]]      x: (N,C)  y: (M,C)      saves: the row set
template <Scalar S> struct GatherRows {
  View<const S> x;
  Into<S> y;
  const std::int32_t* index;

  template <class Row> NEUTRA_HD void operator()(Row row, Index i) const {
    row.each(x.cols(), [&](auto c) { c.write(y, i, c.load(x.row(index[i]))); });
  }
};

/// y[n] = base[n] + r[place[n]],  r = 0 if place[n] < 0,  base = 0 if none is given
/// base, y: (N,C)  r: (M,C)      saves: the row set
template <Scalar S> struct ScatterRows {
  View<const S> base, r;
  Into<S> y;
  const std::int32_t* place;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const Index cols = r.cols(), i = place[n];
    const S* from = i < 0 ? nullptr : r.row(i);
    if (base.data)
      row.each(cols, [&](auto c) { c.write(y, n, from ? c.load(base.row(n)) + c.load(from) : c.load(base.row(n))); });
    else if (from)
      row.each(cols, [&](auto c) { c.write(y, n, c.load(from)); });
    else if (!y.add)
      row.each(cols, [&](auto c) { c.fill(y.view.row(n), S(0)); });
  }
};

}  // namespace op

/// The rows of x in the set.      x: (N,C)  result: (M,C), with a capacity of N rows
template <Scalar S, Backend D> Var<S, D> gather_rows(Var<S, D> x, const RowSet& set) {
  const Index rows = x.shape().rows(), cols = x.shape().cols();
  require(rows == set.total, "gather_rows: the set is of ", set.total, " rows, but x has ", rows);
  auto& tape = x.tape();
  const auto y = tape.make({set.count, cols}, rows);
  tape.rematerialise(y, {x}, [=](Tape<S, D>& t) {
    D::template rows<S>(set.count, cols, op::GatherRows<S>{x.value(), {t.out(y)}, set.index});
  });
  tape.record(y, {x}, {}, [=](Tape<S, D>& t) {
    D::template rows<S>(rows, cols, op::ScatterRows<S>{{}, t.gradient(y), t.into(x), set.place});
  });
  return y;
}

/// base plus r on the rows of the set, base on the others.      base, result: (N,C)  r: (M,C)
template <Scalar S, Backend D>
Var<S, D> scatter_add(Var<S, D> base, std::type_identity_t<Var<S, D>> r, const RowSet& set) {
  const Index rows = base.shape().rows(), cols = base.shape().cols();
  require(rows == set.total && r.shape() == Shape({set.count, cols}), "scatter_add: r must be (", set.count, ",", cols,
          ") and base have ", set.total, " rows, got ", r.shape(), " and ", base.shape());
  auto& tape = base.tape();
  const auto y = tape.make(base.shape(), tape.capacity(base));
  D::template rows<S>(rows, cols, op::ScatterRows<S>{base.value(), r.value(), {tape.out(y)}, set.place});
  tape.record(y, {base, r}, {}, [=](Tape<S, D>& t) {
    if (const auto dr = t.into(r))
      D::template rows<S>(set.count, cols, op::GatherRows<S>{t.gradient(y), dr, set.index});
    op::Accumulate<S, D>::pass_on(t, y, base);
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
