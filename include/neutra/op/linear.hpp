/// Linear layers: matmul with a weight.
#pragma once

#include "neutra/op/accumulate.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// y = x W^T + addend      x: (N,I)  W: (O,I)  y: (N,O)  addend: (N,O), or a bias (O) that is added to each row
/// dx = dy W      dW = dy^T x      daddend = dy, or its sum over rows      saves: W, and x if W is trained
template <Scalar S, Backend D> struct Linear {
  /// a W, or a W^T if `transposed`; uses the quantised or packed form of a frozen weight if there is one.
  static void product(Operand<S> a, Var<S, D> w, bool transposed, Result<S> into, View<const S> addend = {}) {
    const Frozen<S, D>* frozen = w.frozen();
    if (!frozen) return D::template product<S>(a, Operand<S>(w.value(), transposed, a.precision), into, addend);
    if (const auto* quantised = frozen->quantised())
      return D::template product<S>(a, *quantised, transposed, into, addend);
    if (const auto* packed = frozen->packed(a.precision))
      return transposed ? D::template product<S>(a, *packed, into, addend)
                        : D::template product_transposed<S>(a, *packed, into);
    const auto parts = frozen->chunks(a.precision);
    if (!transposed || parts.empty())
      return D::template product<S>(a, row_major(w, 0, frozen->shape().rows(), transposed, a.precision), into, addend);
    Index column = 0;
    for (const auto& part : parts) {
      const View<const S> addend_here = addend.data ? addend.columns(column, part.cols()) : addend;
      D::template product<S>(a, part, into.block(0, a.rows(), column, part.cols()), addend_here);
      column += part.cols();
    }
  }
  /// As product(), with one row chunk of W (see RowChunks).
  static void product_part(Operand<S> a, Var<S, D> w, Index part, bool transposed, Result<S> into) {
    const RowChunks cut{w.shape().rows(), D::loss_words};
    if (!w.frozen())
      return D::template product<S>(a, Operand<S>(cut.of<S>(w.value(), part), transposed, a.precision), into);
    const auto parts = w.frozen()->chunks(a.precision);
    if (parts.empty()) {
      const Index first = cut.begin(part), count = cut.begin(part + 1) - first;
      return D::template product<S>(a, row_major(w, first, count, transposed, a.precision), into);
    }
    const auto& packed = parts[static_cast<std::size_t>(part)];
    if (transposed) return D::template product<S>(a, packed, into);
    D::template product_transposed<S>(a, packed, into);
  }
  /// Rows of a frozen weight that is not packed for this matmul: its row-major copy, or one in scratch memory.
  static Operand<S> row_major(Var<S, D> w, Index first, Index count, bool transposed, DType precision) {
    const Frozen<S, D>& frozen = *w.frozen();
    const Shape shape{count, frozen.shape().cols()};
    if (const AnyView<S>* rows = frozen.rows(); rows && (rows->dtype == dtype_of<S> || rows->dtype == precision)) {
      const Operand<S> part(rows->block(first, count, 0, shape.cols()), precision);
      return transposed ? part.transpose() : part;
    }
    const View<S> again(w.tape().template memory<S>(shape.size()), shape);
    frozen.read(again, first);
    return {again, transposed, precision};
  }
  /// The gradient of W: dy^T x.
  static void weight_gradient(Operand<S> dy, Operand<S> x, Result<S> into) {
    D::template product<S>(dy.transpose(), x, into);
  }

  /// The addend in the shape of y: a bias is broadcast by a row stride of 0.
  static View<const S> rows_of(Var<S, D> addend, const Shape& y) {
    const View<const S> value = addend.value();
    return value.shape.rank() == 1 ? View<const S>(value.data, y, 0) : value;
  }
  static void addend_gradient(Tape<S, D>& tape, Var<S, D> y, Var<S, D> addend) {
    if (addend.shape().rank() > 1) return Accumulate<S, D>::pass_on(tape, y, addend);
    if (const auto db = tape.into(addend))
      with_dtype<S>(y.dtype(), [&]<class T>() {
        D::template column_sums<S>(y.shape().rows(), y.shape().cols(), SumOfRows<S, T>{tape.template gradient<T>(y)},
                                   db);
      });
  }

  /// Computes y = x W^T + addend and records its backward. Inputs are rounded to `precision`, or to the storage dtype
  /// of x if that is not S.
  static void run(Var<S, D> x, Var<S, D> w, Var<S, D> y, std::optional<Var<S, D>> addend, DType precision) {
    auto& tape = x.tape();
    if (x.dtype() != dtype_of<S>) precision = x.dtype();
    product(tape.operand(x, precision), w, true, tape.result(y),
            addend ? rows_of(*addend, y.shape()) : View<const S>{});
    const auto backward = [=](Tape<S, D>& t) {
      const Operand<S> dy = t.gradient_operand(y, precision);
      if (const auto dx = t.gradient_result(x)) product(dy, w, false, dx);
      if (const auto dw = t.gradient_result(w)) weight_gradient(dy, t.operand(x, precision), dw);
      if (addend) addend_gradient(t, y, *addend);
    };
    if (w.needs_gradient())
      tape.record(y, {x, w, addend.value_or(x)}, {x, w}, backward);
    else
      tape.record(y, {x, addend.value_or(x)}, {w}, backward);
  }

  /// O, the number of outputs. Error: shapes do not agree.
  static Index outputs(Var<S, D> x, Var<S, D> w) {
    require(w.shape().rank() == 2 && w.shape().cols() == x.shape().cols(),
            "linear: W must be (O,I) with I = ", x.shape().cols(), ", got ", w.shape(), "; x is ", x.shape());
    return w.shape().rows();
  }

  static void reference(View<const S> x, View<const S> w, View<const S> addend, View<S> y) {
    for (Index n = 0; n < x.rows(); ++n)
      for (Index o = 0; o < w.rows(); ++o) {
        S sum = addend.data ? addend(addend.rows() == 1 ? 0 : n, o) : S(0);
        for (Index i = 0; i < x.cols(); ++i) sum += x(n, i) * w(o, i);
        y(n, o) = sum;
      }
  }
};

}  // namespace op

/// y = x W^T + addend. The addend, a residual stream or a bias, is added in the matmul, without a pass of its own.
/// x: (N,I)  W: (O,I)  y: (N,O)  addend: (N,O) or (O)
template <Scalar S, Backend D>
Var<S, D> linear(Var<S, D> x, std::type_identity_t<Var<S, D>> w,
                 std::optional<std::type_identity_t<Var<S, D>>> addend = {}) {
  const Index rows = x.shape().rows(), out = op::Linear<S, D>::outputs(x, w);
  const Shape given = addend ? addend->shape() : Shape{rows, out};
  require(given.cols() == out && (given.rank() == 1 || given.rows() == rows), "linear: addend must be (", rows, ",",
          out, ") or a bias (", out, "), got ", given);
  const auto y = x.tape().make({rows, out}, x.tape().capacity(x));
  op::Linear<S, D>::run(x, w, y, addend, x.tape().precision());
  return y;
}

/// y = x W^T + bias with storage dtype `stored` (see Tape::make).      x: (N,I)  W: (O,I)  y: (N,O)  bias: (O)
template <Scalar S, Backend D>
Var<S, D> linear(Var<S, D> x, std::type_identity_t<Var<S, D>> w, DType stored,
                 std::optional<std::type_identity_t<Var<S, D>>> bias = {}) {
  auto& tape = x.tape();
  const Index out = op::Linear<S, D>::outputs(x, w);
  require(!bias || bias->shape() == Shape{out}, "linear: the bias must be (", out, "), got ",
          bias ? bias->shape() : Shape{});
  const auto y = tape.make({x.shape().rows(), out}, tape.capacity(x), stored);
  op::Linear<S, D>::run(x, w, y, bias, tape.precision());
  return y;
}

/// y = x W^T with unrounded inputs, whatever the matmul input precision of the step.      x: (N,I)  W: (O,I)  y: (N,O)
template <Scalar S, Backend D> Var<S, D> linear_exact(Var<S, D> x, std::type_identity_t<Var<S, D>> w) {
  auto& tape = x.tape();
  const auto y = tape.make({x.shape().rows(), op::Linear<S, D>::outputs(x, w)}, tape.capacity(x));
  op::Linear<S, D>::run(x, w, y, {}, dtype_of<S>);
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
