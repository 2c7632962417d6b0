/// Conversions between View and Eigen, without a copy. A separate header, because it needs Eigen.
#pragma once

#include "neutra/core/view.hpp"

#include <Eigen/Core>

#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI {

/// A row-major Eigen map of rows() x cols() onto the view's memory. It owns nothing and must not outlive that memory.
template <class S> auto as_eigen(View<S> view) {
  using Matrix = Eigen::Matrix<std::remove_const_t<S>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Target = std::conditional_t<std::is_const_v<S>, const Matrix, Matrix>;
  return Eigen::Map<Target, Eigen::Unaligned, Eigen::OuterStride<>>(view.data, view.rows(), view.cols(),
                                                                    Eigen::OuterStride<>(view.stride));
}

/// A View of an Eigen object's memory: (rows, cols) for a row-major matrix, map or block, (size) for a vector.
/// Error: the elements of a row are not contiguous.
template <class M>
requires requires(M& matrix) { matrix.data(); }
auto as_view(Eigen::DenseBase<M>& dense) {
  static_assert(M::IsVectorAtCompileTime || M::IsRowMajor,
                "neutra: as_view needs a row-major matrix; declare it with Eigen::RowMajor");
  M& matrix = dense.derived();
  require(matrix.innerStride() == 1 || matrix.size() <= 1,
          "as_view: the elements of a row must be contiguous, got an inner stride of ", matrix.innerStride());
  if constexpr (M::IsVectorAtCompileTime)
    return View(matrix.data(), Shape{matrix.size()});
  else
    return View(matrix.data(), Shape{matrix.rows(), matrix.cols()}, Index{matrix.outerStride()});
}
template <class M>
requires requires(const M& matrix) { matrix.data(); }
auto as_view(const Eigen::DenseBase<M>& dense) {
  View view = as_view(const_cast<Eigen::DenseBase<M>&>(dense));
  return View<const std::remove_pointer_t<decltype(view.data)>>(view);
}

/// A temporary dies before its view: give it a name first.
template <class M> void as_view(const Eigen::DenseBase<M>&&) = delete;

}}  // namespace neutra::NEUTRA_ABI
