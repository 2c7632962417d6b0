/// The gated unit of a feed-forward block.      Shazeer 2020, arXiv 2002.05202
#pragma once

#include "neutra/op/pointwise.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// silu(x) = x sigmoid(x)      derivative: s + y (1 - s), s = sigmoid(x)
struct Silu {
  template <class V> NEUTRA_HD V f(V x) const { return x * math::sigmoid(x); }
  template <class V> NEUTRA_HD V df(V x, V y) const {
    const V s = math::sigmoid(x);
    return s + y * (V(1) - s);
  }
};

/// y = f(a) b      a, b, y: (N,R), stored as T      saves: a, b
template <Scalar S, class T, Pointwise F> struct Gated {
  View<const T> a, b;
  View<T> y;
  F function;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(a.cols(), [&](auto c) { c.store(y.row(n), function.f(c.load(a.row(n))) * c.load(b.row(n))); });
  }
};

/// da = df(a) b dy      db = f(a) dy
template <Scalar S, class T, Pointwise F> struct GatedBackward {
  View<const T> a, b, dy;
  Into<T> da, db;
  F function;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(a.cols(), [&](auto c) {
      const auto an = c.load(a.row(n)), dyn = c.load(dy.row(n)), f = function.f(an);
      if (da) c.write(da, n, function.df(an, f) * c.load(b.row(n)) * dyn);
      if (db) c.write(db, n, f * dyn);
    });
  }
};

}  // namespace op

/// y = function(a) * b, element by element; shapes must be equal. y and all gradients have the dtype of a and b.
template <Scalar S, Backend D, Pointwise F = op::Silu>
Var<S, D> gated(Var<S, D> a, std::type_identity_t<Var<S, D>> b, const F& function = {}) {
  static_assert(check_pointwise<F>());
  require(a.shape() == b.shape(), "gated: shapes must be equal, got ", a.shape(), " and ", b.shape());
  const Index rows = a.shape().rows(), cost = op::transcendental_cost * a.shape().cols();
  auto& tape = a.tape();
  const auto y = tape.make(a.shape(), tape.capacity(a), a.dtype());
  with_dtype<S>(a.dtype(), [&]<class T>() {
    tape.rematerialise(y, {a, b}, [=](Tape<S, D>& t) {
      D::template rows<S>(
          rows, cost, op::Gated<S, T, F>{a.template value<T>(), b.template value<T>(), t.template out<T>(y), function});
    });
    tape.record(y, {a, b}, {a, b}, [=](Tape<S, D>& t) {
      D::template rows<S>(
          rows, cost,
          op::GatedBackward<S, T, F>{a.template value<T>(), b.template value<T>(), t.template gradient<T>(y),
                                     t.template into<T>(a), t.template into<T>(b), function});
    });
  });
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
