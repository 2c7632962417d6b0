/// Matrix products on the CPU.      Goto & van de Geijn 2008, "Anatomy of high-performance matrix multiplication"
///
/// b is laid out in panels; a is read where it stands, or copied a tile at a time where it is transposed or rounded to
/// bf16. Every element is the sum over k, in order, of blocks (Blocks: a function of K and of what is multiplied), each
/// block a chain of E::multiply_add from zero; then the addend is added. Its bits depend on nothing else: not on its
/// place in c, the sizes M and N, the number of threads, or whether b was packed before.
#pragma once

#include "neutra/backend/cpu/multiply.hpp"
#include "neutra/backend/cpu/packed.hpp"
#include "neutra/backend/cpu/rows.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

template <Scalar S, class T = S> void product(Operand<S> a, Operand<S> b, Into<T> c, View<const S> addend = {});
template <Scalar S, class T = S> void product(Operand<S> a, const Packed<S>& b, Into<T> c, View<const S> addend = {});

namespace detail {

/// K = 0: the sum has no terms.
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

/// The numbers of a view where they are of T.
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
  require(c.view.rows() == m && c.view.cols() == b_cols, "product: c must be (", m, ",", b_cols, "), as a (", m, ",", k,
          ") and b (", b_rows, ",", b_cols, ") say, got ", c.view.shape);
  require(a.bf16 == b_bf16, "product: both operands are rounded to bf16 or neither is, but ", a.bf16 ? "a" : "b",
          " alone is marked so");
  require((std::is_same_v<T, S>) || b_bf16,
          "product: the result is rounded to bf16 only where both operands are; give it to memory of float");
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

/// Few rows and b given by its rows: c^T = b^T a^T reads b once, where it stands, instead of packing it. Same sums.
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

/// Whether a rounded result would be added up in bf16, block after block.
inline bool several_blocks(const Product<float>& p) {
  bool several = false;
  with_element<float>(true, [&]<class E>() { several = Blocks<float>{words<E>(p.depth)}.count > 1; });
  return several;
}

/// Sums of several blocks: some rows at a time as S, and then rounded.
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

/// c = a b, or c += a b where c.add; then + addend where given.      a: (M,K)  b: (K,N)  c, addend: (M,N)
/// c overlaps no operand. It is of S, or rounded to bf16 where the operands are. A bias, one row for all, is an addend
/// of stride 0. Sizes may be 0; K = 0 is a sum of no terms. Error: shapes that do not agree, one operand in bf16 and
/// the other not.
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

/// The same with b packed before; the same bits.
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
