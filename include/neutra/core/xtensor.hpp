/// Conversions between View and xtensor, without a copy. A separate header, because it needs xtensor.
#pragma once

#include "neutra/core/view.hpp"

#if __has_include(<xtensor/xadapt.hpp>)
#include <xtensor/xadapt.hpp>
#else  // from 0.26 on
#include <xtensor/containers/xadapt.hpp>
#endif

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

namespace detail {

/// Error: more than four axes.
template <class Sizes> Shape shape_of(const Sizes& sizes, std::string_view what) {
  const auto size = [&](std::size_t axis) { return static_cast<Index>(sizes[axis]); };
  switch (sizes.size()) {
    case 0:
      return {};
    case 1:
      return {size(0)};
    case 2:
      return {size(0), size(1)};
    case 3:
      return {size(0), size(1), size(2)};
    case 4:
      return {size(0), size(1), size(2), size(3)};
    default:
      fail(what, ": at most 4 axes, got ", sizes.size());
  }
}

}  // namespace detail

/// An xtensor adaptor onto the view's memory, with its shape and strides. It owns nothing and must not outlive that
/// memory. Elements can be assigned through it. To assign an expression to a view whose stride exceeds cols(), use
/// assign(): xtensor's own assignment does not support the padding.
template <class S> auto as_xtensor(View<S> view) {
  const int rank = view.shape.rank();
  std::vector<std::size_t> shape(static_cast<std::size_t>(rank));
  std::vector<std::ptrdiff_t> strides(shape.size(), 1);
  Index stride = view.stride;
  for (int axis = rank - 1; axis >= 0; --axis) {
    const auto at = static_cast<std::size_t>(axis);
    shape[at] = static_cast<std::size_t>(view.shape[axis]);
    if (axis == rank - 1) continue;
    strides[at] = stride;
    stride *= view.shape[axis];
  }
  // The size is the number of elements, without padding.
  return xt::adapt(view.data, static_cast<std::size_t>(view.size()), xt::no_ownership(), shape, strides);
}

/// A View of an xtensor object's memory. Error: an order other than row-major with contiguous rows;
/// more than four axes.
template <class E> auto as_view(xt::xexpression<E>& expression) {
  auto& e = expression.derived_cast();
  const Shape shape = detail::shape_of(e.shape(), "as_view");
  const auto step = [&](int axis) { return static_cast<Index>(e.strides()[static_cast<std::size_t>(axis)]); };
  Index stride = 0, rows = 1;  // 0 while every row axis seen has size 1
  bool fits = true;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    const bool last = axis == shape.rank() - 1;
    if (shape[axis] > 1) {  // the stride of an axis of size 1 is meaningless
      if (!last && stride == 0) stride = step(axis);
      fits = fits && step(axis) == (last ? 1 : stride * rows);
    }
    if (!last) rows *= shape[axis];
  }
  require(fits || shape.size() == 0, "as_view: needs row-major order with contiguous rows, got a ", shape,
          " with other strides; copy it to a row-major array first");
  return View(e.data() + e.data_offset(), shape, stride == 0 ? shape.cols() : stride);
}
template <class E> auto as_view(const xt::xexpression<E>& expression) {
  View view = as_view(const_cast<xt::xexpression<E>&>(expression));
  return View<const std::remove_pointer_t<decltype(view.data)>>(view);
}

/// A temporary dies before its view: give it a name first.
template <class E> void as_view(const xt::xexpression<E>&&) = delete;

/// Evaluates an xtensor expression into the view's memory. Error: different shapes (there is no broadcasting).
template <class S, class E> void assign(View<S> to, const xt::xexpression<E>& from) {
  const Shape shape = detail::shape_of(from.derived_cast().shape(), "assign");
  require(shape == to.shape, "assign: the view is ", to.shape, ", the expression ", shape, "; shapes must be equal");
  const auto& expression = from.derived_cast();
  auto target = as_xtensor(to);
  // xtensor's own assignment does not support a stride larger than the row.
  std::copy(expression.cbegin(), expression.cend(), target.begin());
}

}}  // namespace neutra::NEUTRA_ABI
