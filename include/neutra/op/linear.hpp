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
  static void product(View<const S> a, Var<S, D> w, bool transposed, Into<S> into, View<const S> addend = {}) {
    const bool bf16 = w.tape().bf16_products;
    if (w.frozen() && a.rows() >= packed_from_rows)
      D::template product<S>(Operand<S>{a, false, bf16}, w.frozen()->packed(transposed, bf16), into, addend);
    else
      D::template product<S>(Operand<S>{a, false, bf16}, Operand<S>{w.value(), transposed, bf16}, into, addend);
  }

  /// A long weight, such as a head, in parts of at most 1024 rows, near equal: what is computed with one part is still in a cache for the next
  /// product.
  static Index parts(Var<S, D> w) { return std::max<Index>(1, (w.shape().rows() + 1023) / 1024); }
  static Index part_begin(Var<S, D> w, Index part) { return w.shape().rows() * part / parts(w); }
  static Index most_in_part(Var<S, D> w) { return (w.shape().rows() + parts(w) - 1) / parts(w); }
  /// product() with the rows of one part alone.
  static void product_part(View<const S> a, Var<S, D> w, Index part, bool transposed, Into<S> into) {
    const bool bf16 = w.tape().bf16_products;
    const Index first = part_begin(w, part);
    const Operand<S> rows{w.value().slice(first, part_begin(w, part + 1) - first), transposed, bf16};
    if (w.frozen() && a.rows() >= packed_from_rows)
      D::template product<S>(Operand<S>{a, false, bf16}, w.frozen()->packed_part(static_cast<std::size_t>(part), rows), into);
    else
      D::template product<S>(Operand<S>{a, false, bf16}, rows, into);
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
  op::Linear<S, D>::product(x.value(), w, true, {tape.out(y)}, addend ? addend->value() : View<const S>{});
  const auto backward = [=](Tape<S, D>& t) {
    const View<const S> dy = t.gradient(y);
    if (const auto dx = t.into(x)) op::Linear<S, D>::product(dy, w, false, dx);
    if (const auto dw = t.into(w)) op::Linear<S, D>::weight_gradient(dy, x.value(), t.bf16_products, dw);
    if (addend) op::Accumulate<S, D>::run(dy, t.into(*addend));
  };
  if (w.needs_gradient())
    tape.record(y, {x, w, addend.value_or(x)}, {x, w}, backward);
  else
    tape.record(y, {x, addend.value_or(x)}, {w}, backward);
  return y;
}

}  // namespace neutra::inline NEUTRA_ABI
