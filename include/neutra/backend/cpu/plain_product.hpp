/// The definition of the product: three loops. For tests, and for the scalar CPU backend.
#pragma once

#include "neutra/backend/backend.hpp"

#include <cmath>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

/// Element (i, j) of an operand, rounded if the operand asks for it.
template <Scalar S> S element(const Operand<S>& x, Index i, Index j) {
  const S value =
      x.read([&](const auto& numbers) { return static_cast<S>(x.transposed ? numbers(j, i) : numbers(i, j)); });
  return x.bf16 ? static_cast<S>(static_cast<float>(bf16(static_cast<float>(value)))) : value;
}

/// into = a b + addend      a: (M,K)  b: (K,N)  into, addend: (M,N)
template <Scalar S, class T = S>
void plain_product(Operand<S> a, Operand<S> b, Into<T> into, View<const S> addend = {}) {
  require(a.bf16 == b.bf16 && (!a.bf16 || std::is_same_v<S, float>),
          "product: both operands must be rounded to bf16 or neither, and only float can be");
  require(a.bf16 || std::is_same_v<T, S>, "product: a bf16 result needs both operands in bf16");
  for (Index m = 0; m < a.rows(); ++m)
    for (Index n = 0; n < b.cols(); ++n) {
      S sum = 0;
      for (Index k = 0; k < a.cols(); ++k) sum = std::fma(element(a, m, k), element(b, k, n), sum);
      if (addend.data) sum += addend(m, n);
      into.view(m, n) = static_cast<T>(into.add ? static_cast<S>(into.view(m, n)) + sum : sum);
    }
}

/// The packed form for plain products: a copy.
template <Scalar S> class PlainPacked {
 public:
  explicit PlainPacked(const Operand<S>& weight)
      : rows_(weight.view.shape), b_{rows_.view(), weight.transposed, weight.bf16} {
    weight.read([&](const auto& numbers) {
      for (Index n = 0; n < numbers.rows(); ++n)
        for (Index c = 0; c < numbers.cols(); ++c) rows_.view()(n, c) = static_cast<S>(numbers(n, c));
    });
  }
  const Operand<S>& b() const { return b_; }
  Index rows() const { return b_.rows(); }
  Index cols() const { return b_.cols(); }
  bool exact() const { return true; }
  void unpack(View<S> into) const {
    require(into.shape == rows_.shape(), "PlainPacked::unpack: ", rows_.shape(), " does not fit in ", into.shape);
    for (Index n = 0; n < into.rows(); ++n) std::copy_n(rows_.view().row(n), into.cols(), into.row(n));
  }

 private:
  Tensor<S> rows_;
  Operand<S> b_;
};

}}}  // namespace neutra::NEUTRA_ABI::cpu
