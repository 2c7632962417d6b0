/// Non-owning views of rows of numbers.
#pragma once

#include "neutra/core/shape.hpp"

#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI {

/// Pointer, shape and row stride. The stride is the number of elements from the start of one row to the next; it equals
/// cols() unless the view is a column block of a wider array. Owns nothing and is passed by value. View<S> converts to
/// View<const S>.
template <class S> struct View {
  S* data = nullptr;
  Shape shape;
  Index stride = 0;

  View() = default;
  NEUTRA_HD View(S* first, const Shape& sizes) : data(first), shape(sizes), stride(sizes.cols()) {}
  NEUTRA_HD View(S* first, const Shape& sizes, Index row_stride) : data(first), shape(sizes), stride(row_stride) {}
  template <class T>
  requires(std::is_same_v<const T, S>) NEUTRA_HD View(const View<T>& x)
      : data(x.data), shape(x.shape), stride(x.stride) {}

  NEUTRA_HD Index rows() const { return shape.rows(); }
  NEUTRA_HD Index cols() const { return shape.cols(); }
  NEUTRA_HD Index size() const { return shape.size(); }
  NEUTRA_HD S* row(Index n) const { return data + n * stride; }
  NEUTRA_HD S& operator()(Index n, Index c) const { return data[n * stride + c]; }

  /// Rows first .. first + count - 1 of this view, as (count, cols).
  NEUTRA_HD View slice(Index first, Index count) const { return {row(first), Shape::matrix(count, cols()), stride}; }
  /// Columns first .. first + count - 1 of this view, as (rows, count).
  NEUTRA_HD View columns(Index first, Index count) const {
    return {data + first, Shape::matrix(rows(), count), stride};
  }
};

/// A destination that is overwritten or added to; the tape decides which (see Tape).
template <class S> struct Into {
  View<S> view;
  bool add = false;

  NEUTRA_HD explicit operator bool() const { return view.data != nullptr || view.size() == 0; }
};

}}  // namespace neutra::NEUTRA_ABI
