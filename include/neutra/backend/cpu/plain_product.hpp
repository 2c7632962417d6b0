/// The definition of the product: three loops. For tests, and for the scalar CPU backend.
#pragma once

#include "neutra/backend/backend.hpp"
#include "neutra/core/quantisation.hpp"

#include <cmath>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

/// Element (i, j) of an operand, rounded if the operand asks for it.
template <Scalar S> S element(const Operand<S>& x, Index i, Index j) {
  const S value =
      x.view.visit([&](const auto& numbers) { return static_cast<S>(x.transposed ? numbers(j, i) : numbers(i, j)); });
  return with_dtype<S>(x.precision, [&]<class T>() { return static_cast<S>(static_cast<T>(value)); });
}

/// into = a b + addend      a: (M,K)  b: (K,N)  into, addend: (M,N)
template <Scalar S> void plain_product(Operand<S> a, Operand<S> b, Result<S> into, View<const S> addend = {}) {
  require(a.precision == b.precision && stores<S>(a.precision), "product: both operands must be rounded alike, got ",
          a.precision, " and ", b.precision);
  require(into.view.dtype == dtype_of<S> || into.view.dtype == a.precision, "product: the result is rounded to ",
          into.view.dtype, " only where both operands are");
  into.visit([&]<class T>(const Into<T>& c) {
    for (Index m = 0; m < a.rows(); ++m)
      for (Index n = 0; n < b.cols(); ++n) {
        S sum = 0;
        for (Index k = 0; k < a.cols(); ++k) sum = std::fma(element(a, m, k), element(b, k, n), sum);
        if (addend.data) sum += addend(m, n);
        c.view(m, n) = static_cast<T>(c.add ? static_cast<S>(c.view(m, n)) + sum : sum);
      }
  });
}

/// The packed form for plain products: a copy.
template <Scalar S> class PlainPacked {
 public:
  explicit PlainPacked(const Operand<S>& weight)
      : rows_(weight.view.shape), b_(rows_.view(), weight.transposed, weight.precision) {
    weight.view.visit([&](const auto& numbers) {
      for (Index n = 0; n < numbers.rows(); ++n)
        for (Index c = 0; c < numbers.cols(); ++c) rows_.view()(n, c) = static_cast<S>(numbers(n, c));
    });
  }
  const Operand<S>& b() const { return b_; }
  Index rows() const { return b_.rows(); }
  Index cols() const { return b_.cols(); }
  bool exact() const { return true; }
  void unpack(View<S> into, Index first = 0) const {
    require(into.cols() == rows_.shape().cols() && first >= 0 && first + into.rows() <= rows_.shape().rows(),
            "PlainPacked::unpack: rows ", first, " on of ", rows_.shape(), " do not fit in ", into.shape);
    for (Index n = 0; n < into.rows(); ++n) std::copy_n(rows_.view().row(first + n), into.cols(), into.row(n));
  }

 private:
  Tensor<S> rows_;
  Operand<S> b_;
};

/// The quantised form for plain products: dequantised.
template <Scalar S> class PlainQuantised {
 public:
  PlainQuantised(View<const S> weight, Quantisation format) : rows_(weight.shape) {
    format.visit([&]<class Q>() {
      for (Index n = 0; n < weight.rows(); ++n)
        for (Index c = 0; c < weight.cols(); c += block_inputs) {
          const Index count = std::min(block_inputs, weight.cols() - c);
          std::int8_t q[block_inputs];
          const f16 scale = quantise<Q>(weight.row(n) + c, count, q);
          for (Index i = 0; i < count; ++i) rows_.view()(n, c + i) = static_cast<S>(dequantised(scale, q[i]));
        }
    });
  }
  const Shape& shape() const { return rows_.shape(); }
  Operand<S> operand(bool transposed, DType precision) const { return {rows_.view(), transposed, precision}; }
  void unpack(View<S> into, Index first = 0) const {
    require(into.cols() == rows_.shape().cols() && first >= 0 && first + into.rows() <= rows_.shape().rows(),
            "PlainQuantised::unpack: rows ", first, " on of ", rows_.shape(), " do not fit in ", into.shape);
    for (Index n = 0; n < into.rows(); ++n) std::copy_n(rows_.view().row(first + n), into.cols(), into.row(n));
  }

 private:
  Tensor<S> rows_;
};

}}}  // namespace neutra::NEUTRA_ABI::cpu
