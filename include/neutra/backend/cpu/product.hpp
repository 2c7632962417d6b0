/// Matrix products on the CPU.      Goto & van de Geijn 2008, "Anatomy of high-performance matrix multiplication"
///
/// b is packed into panels. a is read in place, or copied one tile at a time if it is transposed or rounded to bf16.
/// Every element is the sum of its blocks in the order of k (Blocks: a function of K and of the element type); each
/// block is a chain of E::multiply_add from zero; the addend is added last. The bits depend on nothing else: not on the
/// position in c, the sizes M and N, the number of threads, or whether b was packed in advance.
#pragma once

#include "neutra/backend/cpu/multiply.hpp"
#include "neutra/backend/cpu/packed.hpp"
#include "neutra/backend/cpu/rows.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

template <Scalar S, class T = S> void product(Operand<S> a, Operand<S> b, Into<T> c, View<const S> addend = {});
template <Scalar S, class T = S> void product(Operand<S> a, const Packed<S>& b, Into<T> c, View<const S> addend = {});

namespace detail {

/// K = 0: an empty sum.
template <Scalar S> void empty_sum(const Product<S>& p) {
  const auto fill = [&]<class T>(T* c) {
    for (Index i = 0; i < p.rows; ++i) {
      for (Index j = 0; j < p.columns; ++j) {
        T& at = c[i * p.c_row + j * p.c_column];
        S x = p.add ? static_cast<S>(at) : S(0);
        if (p.addend) x = x + p.addend[i * p.addend_row + j * p.addend_column];
        put(at, x);
      }
    }
  };
  if constexpr (std::is_same_v<S, float>) {
    if (!p.c) return fill(p.rounded);
  }
  fill(p.c);
}

/// The data of a view if its type is T; otherwise null.
template <class T, class U> T* numbers_of(const View<U>& x) {
  if constexpr (std::is_same_v<T, U>)
    return x.data;
  else
    return nullptr;
}

template <Scalar S, class T>
Product<S> checked(const Operand<S>& a, Index b_rows, Index b_cols, bool b_bf16, const Into<T>& c,
                   const View<const S>& addend) {
  const Index m = a.rows(), k = a.cols();
  require(k == b_rows, "product: a (M,K) and b (K,N) must agree in K, got a (", m, ",", k, ") and b (", b_rows, ",",
          b_cols, ")");
  require(c.view.rows() == m && c.view.cols() == b_cols, "product: c must be (", m, ",", b_cols, ") for a (", m, ",", k,
          ") and b (", b_rows, ",", b_cols, "), got ", c.view.shape);
  require(a.bf16 == b_bf16, "product: both operands must be rounded to bf16 or neither, but only ", a.bf16 ? "a" : "b",
          " is");
  require((std::is_same_v<T, S>) || b_bf16,
          "product: a bf16 result needs both operands in bf16; write it to float memory");
  const bool has_addend = addend.data != nullptr;
  require(!has_addend || (addend.rows() == m && addend.cols() == b_cols),
          "product: the addend must have the shape of c, ", c.view.shape, ", got ", addend.shape);
  return {.a = a,
          .rows = m,
          .columns = b_cols,
          .depth = k,
          .c = numbers_of<S>(c.view),
          .rounded = numbers_of<bf16>(c.view),
          .c_row = c.view.stride,
          .c_column = 1,
          .addend = addend.data,
          .addend_row = addend.stride,
          .addend_column = 1,
          .add = c.add};
}

/// For few rows and an unpacked row-major b: c^T = b^T a^T reads b once in place, instead of packing it.
/// The sums are the same.
template <Scalar S> Product<S> flipped(const Product<S>& p, const Operand<S>& b) {
  return {.a = b.transpose(),
          .rows = p.columns,
          .columns = p.rows,
          .depth = p.depth,
          .c = p.c,
          .rounded = p.rounded,
          .c_row = p.c_column,
          .c_column = p.c_row,
          .addend = p.addend,
          .addend_row = p.addend_column,
          .addend_column = p.addend_row,
          .add = p.add};
}

/// Whether a bf16 result would have to accumulate several blocks.
inline bool several_blocks(const Product<float>& p) {
  bool several = false;
  with_element<float>(true, [&]<class E>() { several = Blocks<float>{words<E>(p.depth)}.count > 1; });
  return several;
}

/// Sums of several blocks: computed in S for some rows at a time, and then rounded.
template <Scalar S, class B>
void add_up_and_round(const Operand<S>& a, const B& b, const Into<bf16>& c, const View<const S>& addend) {
  constexpr Index most_rows = 512;
  const Index cols = b.cols();
  for (Index first = 0; first < a.rows(); first += most_rows) {
    const Index count = std::min(most_rows, a.rows() - first);
    const View<S> sums(scratch<S, Scratch::sums>(most_rows * cols), Shape{count, cols});
    product(a.slice(first, count), b, Into<S>{sums}, addend.data ? addend.slice(first, count) : addend);
    rows<S, xsimd::batch<S>>(count, cols, [&](auto row, Index n) {
      row.each(cols, [&](auto lanes) { lanes.write(c, first + n, lanes.load(sums.row(n))); });
    });
  }
}

}  // namespace detail

/// c = a b, or c += a b if c.add; then + addend if given.      a: (M,K)  b: (K,N)  c, addend: (M,N)
/// c must not overlap an operand. It is S, or bf16 where the operands are rounded. A bias is an addend of stride 0.
/// Sizes may be 0; K = 0 is an empty sum. Error: shapes that do not agree; only one operand in bf16.
template <Scalar S, class T> void product(Operand<S> a, Operand<S> b, Into<T> c, View<const S> addend) {
  const auto p = detail::checked(a, b.rows(), b.cols(), b.bf16, c, addend);
  if (p.rows * p.columns == 0) return;
  if (p.depth == 0) return detail::empty_sum(p);
  if constexpr (std::is_same_v<T, bf16>) {
    if (detail::several_blocks(p)) return detail::add_up_and_round(a, b, c, addend);
  }
  detail::with_element<S>(a.bf16, [&]<class E>() {
    if (b.transposed && p.rows <= Tile<S>::lanes)
      return detail::multiply_unpacked<E>(detail::flipped(p, b), a.transpose());
    detail::multiply_unpacked<E>(p, b);
  });
}

/// The product with a prepacked b; gives the same bits.
template <Scalar S, class T> void product(Operand<S> a, const Packed<S>& b, Into<T> c, View<const S> addend) {
  const auto p = detail::checked(a, b.rows(), b.cols(), b.bf16(), c, addend);
  if (p.rows * p.columns == 0) return;
  if (p.depth == 0) return detail::empty_sum(p);
  require(!b.empty(), "product: b has been moved from");
  if constexpr (std::is_same_v<T, bf16>) {
    if (detail::several_blocks(p)) return detail::add_up_and_round(a, b, c, addend);
  }
  detail::with_element<S>(a.bf16, [&]<class E>() { detail::multiply_packed<E>(p, b.template panels<E>()); });
}

}}}  // namespace neutra::NEUTRA_ABI::cpu
