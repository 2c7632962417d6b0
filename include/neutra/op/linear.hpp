/// Products with a weight.
#pragma once

#include "neutra/op/accumulate.hpp"

namespace neutra::inline NEUTRA_ABI {
namespace op {

/// y = x W^T + addend      x: (N,I)  W: (O,I)  y, addend: (N,O)
/// dx = dy W      dW = dy^T x      daddend = dy      saves: x where W trains, W
template <Scalar S, Backend D> struct Linear {
  /// Fewer rows, as when text is generated, take no longer than reading the weight once, where it stands; a packed copy would double its memory.
  static constexpr Index packed_from_rows = 8;

  /// a times W (or W^T); a frozen weight is packed at its first product of many rows.
  static void product(View<const S> a, Var<S, D> w, bool transposed, bool bf16, Into<S> into, View<const S> addend = {}) {
    if (w.frozen() && a.rows() >= packed_from_rows)
      D::template product<S>(Operand<S>{a, false, bf16}, w.frozen()->packed(transposed, bf16), into, addend);
    else
      D::template product<S>(Operand<S>{a, false, bf16}, Operand<S>{w.value(), transposed, bf16}, into, addend);
  }
  /// The same with one of the Parts of W.
  static void product_part(View<const S> a, Var<S, D> w, Index part, bool transposed, bool bf16, Into<S> into) {
    const Parts cut{w.shape().rows()};
    if (w.frozen() && a.rows() >= packed_from_rows)
      D::template product<S>(Operand<S>{a, false, bf16}, w.frozen()->packed_part(part, transposed, bf16), into);
    else
      D::template product<S>(Operand<S>{a, false, bf16}, Operand<S>{cut.of<S>(w.value(), part), transposed, bf16}, into);
  }
  /// The gradient of W: dy^T x.
  static void weight_gradient(View<const S> dy, View<const S> x, bool bf16, Into<S> into) {
    D::template product<S>(Operand<S>{dy, true, bf16}, Operand<S>{x, false, bf16}, into);
  }

  static void reference(View<const S> x, View<const S> w, View<const S> addend, View<S> y) {
    for (Index n = 0; n < x.rows(); ++n)
      for (Index o = 0; o < w.rows(); ++o) {
        S sum = addend.data ? addend(n, o) : S(0);
        for (Index i = 0; i < x.cols(); ++i) sum += x(n, i) * w(o, i);
        y(n, o) = sum;
      }
  }
};

}  // namespace op

/// y = x W^T, plus `addend` where one is given (a residual stream: the sum costs no pass of its own).
/// x: (N,I)  W: (O,I)  y, addend: (N,O)
template <Scalar S, Backend D> Var<S, D> linear(Var<S, D> x, Var<S, D> w, std::optional<std::type_identity_t<Var<S, D>>> addend = {}) {
  const Index rows = x.shape().rows(), in = x.shape().cols(), out = w.shape().rows();
  require(w.shape().rank() == 2 && w.shape().cols() == in, "linear: W must be (O,I) with I = ", in, ", got ", w.shape(), "; x is ", x.shape());
  require(!addend || (addend->shape().rows() == rows && addend->shape().cols() == out), "linear: addend must be (", rows, ",", out, "), got ",
          addend ? addend->shape() : Shape{});
  auto& tape = x.tape();
  const auto y = tape.make({rows, out}, tape.room(x));
  const bool bf16 = tape.bf16_products;
  op::Linear<S, D>::product(x.value(), w, true, bf16, {tape.out(y)}, addend ? addend->value() : View<const S>{});
  const auto backward = [=](Tape<S, D>& t) {
    const View<const S> dy = t.gradient(y);
    if (const auto dx = t.into(x)) op::Linear<S, D>::product(dy, w, false, bf16, dx);
    if (const auto dw = t.into(w)) op::Linear<S, D>::weight_gradient(dy, x.value(), bf16, dw);
    if (addend) op::Accumulate<S, D>::pass_on(t, y, *addend);
  };
  if (w.needs_gradient())
    tape.record(y, {x, w, addend.value_or(x)}, {x, w}, backward);
  else
    tape.record(y, {x, addend.value_or(x)}, {w}, backward);
  return y;
}

}  // namespace neutra::inline NEUTRA_ABI
