/// The inputs and outputs of matmul: arrays whose storage dtype is known at run time.
#pragma once

#include "neutra/core/dtype.hpp"
#include "neutra/core/view.hpp"

#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI {

/// A View of elements with the storage dtype `dtype`: S, or a type that S is rounded to.
/// Memory: const void for reading, void for writing.
template <Scalar S, class Memory = const void> struct AnyView {
  Memory* data = nullptr;
  Shape shape;
  Index stride = 0;
  DType dtype = dtype_of<S>;

  AnyView() = default;
  AnyView(Memory* first, const Shape& sizes, DType type)
      : data(first), shape(sizes), stride(sizes.cols()), dtype(type) {}
  template <StorageOf<S> T>
  AnyView(View<T> numbers)
      : data(numbers.data), shape(numbers.shape), stride(numbers.stride), dtype(dtype_of<std::remove_const_t<T>>) {}

  Index rows() const { return shape.rows(); }
  Index cols() const { return shape.cols(); }
  Index size() const { return shape.size(); }
  AnyView block(Index row, Index count, Index column, Index columns) const {
    AnyView x = *this;
    visit([&](const auto& numbers) { x.data = numbers.data ? numbers.row(row) + column : nullptr; });
    x.shape = {count, columns};
    return x;
  }
  /// Calls f with a View of T, the type that dtype names.
  template <class F> auto visit(const F& f) const {
    return with_dtype<S>(dtype, [&]<class T>() { return f(as<T>()); });
  }
  /// The view's data if the elements are of type T.
  template <class T> auto as() const {
    using Number = std::conditional_t<std::is_const_v<Memory>, const T, T>;
    return View<Number>(static_cast<Number*>(data), shape, stride);
  }
};

/// A matrix as it is stored, whether it is used transposed, and the precision that its elements are rounded to before
/// they are multiplied, which must be the same for both operands of a product.
template <Scalar S> struct Operand {
  AnyView<S> view;
  bool transposed = false;
  DType precision = dtype_of<S>;

  Operand() = default;
  Operand(View<const S> numbers, bool transpose = false, DType rounded_to = dtype_of<S>)
      : view(numbers), transposed(transpose), precision(rounded_to) {}
  /// Elements that are rounded already are multiplied as they are.
  template <StorageOf<S> T> Operand(View<T> numbers) : view(numbers), precision(view.dtype) {}
  Operand(const AnyView<S>& numbers, DType rounded_to)
      : view(numbers), precision(numbers.dtype == dtype_of<S> ? rounded_to : numbers.dtype) {}

  Index rows() const { return transposed ? view.cols() : view.rows(); }
  Index cols() const { return transposed ? view.rows() : view.cols(); }
  Operand transpose() const {
    Operand x = *this;
    x.transposed = !transposed;
    return x;
  }
  /// A range of its rows.
  Operand slice(Index first, Index count) const {
    return transposed ? block(0, view.rows(), first, count) : block(first, count, 0, view.cols());
  }
  /// A block of the matrix as it is stored.
  Operand block(Index row, Index count, Index column, Index columns) const {
    Operand x = *this;
    x.view = view.block(row, count, column, columns);
    return x;
  }
};

/// The destination of a product or of attention. Results are rounded to its storage dtype once, when the sums are
/// complete, and overwrite it or are added to it.
template <Scalar S> struct Result {
  AnyView<S, void> view;
  bool add = false;

  Result() = default;
  Result(const AnyView<S, void>& numbers, bool adds = false) : view(numbers), add(adds) {}
  template <StorageOf<S> T> Result(View<T> numbers, bool adds = false) : view(numbers), add(adds) {}
  template <StorageOf<S> T> Result(const Into<T>& into) : view(into.view), add(into.add) {}

  explicit operator bool() const { return view.data != nullptr || view.size() == 0; }
  Result block(Index row, Index count, Index column, Index columns) const {
    return {view.block(row, count, column, columns), add};
  }
  /// Calls f with an Into of T, the type that view.dtype names.
  template <class F> auto visit(const F& f) const {
    return view.visit([&]<class T>(const View<T>& numbers) { return f(Into<T>{numbers, add}); });
  }
};

}}  // namespace neutra::NEUTRA_ABI
