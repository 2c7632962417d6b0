/// Factors that give the rows of an updated matrix trained norms.      Liu et al. 2024 (DoRA), arXiv 2402.09353, eq. 5
#pragma once

#include "neutra/op/linear.hpp"

#include <cmath>
#include <limits>

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// norm[o] = ||W[o] + s B[o] A||, infinite where it is 0, from
///     ||W[o]||^2 + B[o] . (2 s A W[o] + s^2 A A^T B[o])
/// so that W + s B A is never formed.
/// squares: (O), ||W[o]||^2   b: (O,r)   aw: (r,O), A W^T   aab: (O,r), B A A^T
template <Scalar S> struct UpdatedNorms {
  View<const S> squares, b, aw, aab;
  S* norms;
  S scale;

  template <class Row> NEUTRA_HD void operator()(Row row, Index o) const {
    row.once([&] {
      S square = squares.data[o];
      for (Index k = 0; k < b.cols(); ++k) square += b(o, k) * scale * (S(2) * aw(k, o) + scale * aab(o, k));
      norms[o] = square > S(0) ? std::sqrt(square) : std::numeric_limits<S>::infinity();
    });
  }
};

/// c[o] = m[o] / norm[o]; and dm[o] = dc[o] / norm[o]
template <Scalar S> struct OverNorms {
  View<const S> m;
  const S* norms;
  Into<S> c;

  template <class Row> NEUTRA_HD void operator()(Row row, Index) const {
    row.each(m.size(), [&](auto lanes) { lanes.write(c, 0, lanes.load(m.data) / lanes.load(norms)); });
  }
};

template <Scalar S, Backend D> struct Magnitude {
  static S* norms(Var<S, D> w, Var<S, D> a, Var<S, D> b, View<const S> squares, S scale) {
    auto& tape = a.tape();
    const Index r = a.shape().rows(), out = w.shape().rows();
    const View<S> aw(tape.template memory<S>(r * out), {r, out}), aa(tape.template memory<S>(r * r), {r, r}),
        aab(tape.template memory<S>(out * r), {out, r});
    Linear<S, D>::product(tape.operand(a, tape.precision()), w, true, aw);
    D::template product<S>(Operand<S>(a.value()), Operand<S>(a.value(), true), aa);
    D::template product<S>(Operand<S>(b.value()), Operand<S>(View<const S>(aa)), aab);
    S* const norms = tape.template memory<S>(out);
    D::template rows<S>(out, 4 * r, UpdatedNorms<S>{squares, b.value(), aw, aab, norms, scale});
    return norms;
  }
};

}  // namespace op

/// c[o] = m[o] / ||W[o] + scale B[o] A||, 0 where that norm is 0. The norm is a constant in the backward pass: m alone
/// gets a gradient (section 4.3).
/// m, c: (O)   W: (O,I), for example a frozen weight   A: (r,I)   B: (O,r)   squares: (O), ||W[o]||^2, which must
/// outlive the step      saves: the norms (O)
template <Scalar S, Backend D>
Var<S, D> magnitude_factors(Var<S, D> m, std::type_identity_t<Var<S, D>> w, std::type_identity_t<Var<S, D>> a,
                            std::type_identity_t<Var<S, D>> b, std::type_identity_t<View<const S>> squares,
                            std::type_identity_t<S> scale = S(1)) {
  const Index out = w.shape().rows(), in = w.shape().cols(), r = a.shape().rows();
  require(a.shape() == Shape({r, in}) && b.shape() == Shape({out, r}), "magnitude_factors: A must be (r,", in,
          ") and B (", out, ",r), got ", a.shape(), " and ", b.shape(), "; W is ", w.shape());
  require(m.shape() == Shape({out}) && squares.shape == Shape({out}), "magnitude_factors: m and squares must be (", out,
          "), got ", m.shape(), " and ", squares.shape, "; W is ", w.shape());
  auto& tape = m.tape();
  const S* norms = op::Magnitude<S, D>::norms(w, a, b, squares, scale);
  const auto c = tape.make({out});
  D::template rows<S>(1, out, op::OverNorms<S>{m.value(), norms, {tape.out(c)}});
  tape.record(c, {m}, {}, [=](Tape<S, D>& t) {
    if (const auto dm = t.into(m)) D::template rows<S>(1, out, op::OverNorms<S>{t.gradient(c), norms, dm});
  });
  return c;
}

}}  // namespace neutra::NEUTRA_ABI
