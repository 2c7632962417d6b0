/// Matrix products on the CPU.      Goto & van de Geijn 2008, "Anatomy of high-performance matrix multiplication"
///
/// b is packed into panels. a is read in place, or copied one tile at a time if it is transposed or rounded. Every
/// element is the sum of its blocks in the order of k (Blocks: a function of K and of the element type); each block is
/// a chain of E::multiply_add from zero; the addend is added last. The bits depend on nothing else: not on the position
/// in c, the sizes M and N, the number of threads, or whether b was packed in advance.
#pragma once

#include "neutra/backend/cpu/multiply.hpp"
#include "neutra/backend/cpu/packed.hpp"
#include "neutra/backend/cpu/quantised_rows.hpp"
#include "neutra/backend/cpu/rows.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

template <Scalar S> void product(Operand<S> a, Operand<S> b, Result<S> c, View<const S> addend = {});
template <Scalar S> void product(Operand<S> a, const Packed<S>& b, Result<S> c, View<const S> addend = {});
template <Scalar S> void product(Operand<S> a, detail::TransposedPacked<S> b, Result<S> c, View<const S> addend = {});
template <Scalar S> void product(Operand<S> a, detail::QuantisedOperand<S> b, Result<S> c, View<const S> addend = {});

namespace detail {

/// K = 0: an empty sum.
template <Scalar S> void empty_sum(const Product<S>& p) {
  with_dtype<S>(p.c.dtype, [&]<class T>() {
    for (Index i = 0; i < p.rows; ++i) {
      for (Index j = 0; j < p.columns; ++j) {
        T& at = *p.c.template at<T>(i, j);
        S x = p.add ? static_cast<S>(at) : S(0);
        if (p.addend.data) x = x + *p.addend.template at<S>(i, j);
        put(at, x);
      }
    }
  });
}

template <Scalar S>
Product<S> checked(const Operand<S>& a, Index b_rows, Index b_cols, DType b_precision, const Result<S>& c,
                   const View<const S>& addend) {
  const Index m = a.rows(), k = a.cols();
  require(k == b_rows, "product: a (M,K) and b (K,N) must agree in K, got a (", m, ",", k, ") and b (", b_rows, ",",
          b_cols, ")");
  require(c.view.rows() == m && c.view.cols() == b_cols, "product: c must be (", m, ",", b_cols, ") for a (", m, ",", k,
          ") and b (", b_rows, ",", b_cols, "), got ", c.view.shape);
  require(a.precision == b_precision, "product: both operands must be rounded alike, got a in ", a.precision,
          " and b in ", b_precision);
  require(c.view.dtype == dtype_of<S> || c.view.dtype == a.precision, "product: the result is rounded to ",
          c.view.dtype, " only where both operands are; give it to memory of ", dtype_of<S>);
  const bool has_addend = addend.data != nullptr;
  require(!has_addend || (addend.rows() == m && addend.cols() == b_cols),
          "product: the addend must have the shape of c, ", c.view.shape, ", got ", addend.shape);
  return {.a = a,
          .rows = m,
          .columns = b_cols,
          .depth = k,
          .c = {c.view.data, c.view.dtype, c.view.stride, 1},
          .addend = {addend.data, dtype_of<S>, addend.stride, 1},
          .add = c.add};
}

/// For few rows and an unpacked row-major b: c^T = b^T a^T reads b once in place, instead of packing it.
/// The sums are the same.
template <Scalar S> Product<S> flipped(const Product<S>& p, const Operand<S>& b) {
  return {.a = b.transpose(),
          .rows = p.columns,
          .columns = p.rows,
          .depth = p.depth,
          .c = p.c.transpose(),
          .addend = p.addend.transpose(),
          .add = p.add};
}

/// Whether the result would be accumulated in its storage dtype, block by block, and so be rounded more than once.
template <Scalar S> bool adds_up_rounded(const Product<S>& p) {
  bool several = false;
  if (p.c.dtype != dtype_of<S>)
    with_element<S>(p.a.precision, [&]<class E>() { several = Blocks<S>{word_count<E>(p.depth)}.count > 1; });
  return several;
}

/// Sums of several blocks: computed in S for some rows at a time, and then rounded.
template <Scalar S, class B>
void add_up_and_round(const Operand<S>& a, const B& b, const Result<S>& c, const View<const S>& addend) {
  constexpr Index most_rows = 512;
  const Index cols = b.cols();
  for (Index first = 0; first < a.rows(); first += most_rows) {
    const Index count = std::min(most_rows, a.rows() - first);
    const View<S> sums(scratch<S, Scratch::sums>(most_rows * cols), Shape{count, cols});
    product<S>(a.slice(first, count), b, sums, addend.data ? addend.slice(first, count) : addend);
    c.visit([&](const auto& into) {
      rows<S, xsimd::batch<S>>(count, cols, [&](auto row, Index n) {
        row.each(cols, [&](auto lanes) { lanes.write(into, first + n, lanes.load(sums.row(n))); });
      });
    });
  }
}

}  // namespace detail

/// c = a b, or c += a b if c.add; then + addend if given.      a: (M,K)  b: (K,N)  c, addend: (M,N)
/// c must not overlap an operand. It is S, or rounded as the operands are. A bias is an addend of stride 0. Sizes may
/// be 0; K = 0 is an empty sum. Error: shapes that do not agree; operands that are rounded to different types.
template <Scalar S> void product(Operand<S> a, Operand<S> b, Result<S> c, View<const S> addend) {
  const auto p = detail::checked(a, b.rows(), b.cols(), b.precision, c, addend);
  if (p.rows * p.columns == 0) return;
  if (p.depth == 0) return detail::empty_sum(p);
  if (detail::adds_up_rounded(p)) return detail::add_up_and_round(a, b, c, addend);
  detail::with_element<S>(a.precision, [&]<class E>() {
    if (b.transposed && p.rows <= Tile<S>::lanes)
      return detail::multiply_unpacked<E>(detail::flipped(p, b), a.transpose());
    detail::multiply_unpacked<E>(p, b);
  });
}

/// The product with a prepacked b; gives the same bits.
template <Scalar S> void product(Operand<S> a, const Packed<S>& b, Result<S> c, View<const S> addend) {
  const auto p = detail::checked(a, b.rows(), b.cols(), b.precision(), c, addend);
  if (p.rows * p.columns == 0) return;
  if (p.depth == 0) return detail::empty_sum(p);
  require(!b.empty(), "product: b has been moved from");
  if (detail::adds_up_rounded(p)) return detail::add_up_and_round(a, b, c, addend);
  detail::with_element<S>(a.precision, [&]<class E>() { detail::multiply_packed<E>(p, b.template panels<E>()); });
}

/// The product with the transpose of a prepacked matrix; gives the same bits.
template <Scalar S> void product(Operand<S> a, detail::TransposedPacked<S> b, Result<S> c, View<const S> addend) {
  const auto p = detail::checked(a, b.rows(), b.cols(), b.precision(), c, addend);
  if (p.rows * p.columns == 0) return;
  if (p.depth == 0) return detail::empty_sum(p);
  require(!b.packed->empty(), "product: b has been moved from");
  if (detail::adds_up_rounded(p)) return detail::add_up_and_round(a, b, c, addend);
  detail::with_element<S>(a.precision, [&]<class E>() { detail::multiply_unpacked<E>(p, b); });
}

/// The product with a quantised weight; gives the bits of the product with the dequantised one, which is rounded to the
/// precision of a.
template <Scalar S> void product(Operand<S> a, detail::QuantisedOperand<S> b, Result<S> c, View<const S> addend) {
  const auto p = detail::checked(a, b.rows(), b.cols(), a.precision, c, addend);
  if (p.rows * p.columns == 0) return;
  if (p.depth == 0) return detail::empty_sum(p);
  if (detail::adds_up_rounded(p)) return detail::add_up_and_round(a, b, c, addend);
  detail::with_element<S>(a.precision, [&]<class E>() { detail::multiply_quantised<E>(p, b); });
}

}}}  // namespace neutra::NEUTRA_ABI::cpu
