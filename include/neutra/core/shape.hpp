/// Sizes of a tensor, up to rank 4, row-major.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <array>
#include <initializer_list>

namespace neutra { inline namespace NEUTRA_ABI {

/// a * b for sizes from outside. `what` names the sized thing in errors. Error: a negative size; a product beyond 2^62.
inline Index checked_product(Index a, Index b, std::string_view what) {
  require(a >= 0 && b >= 0, what, ": sizes must not be negative, got ", a, " and ", b);
  require(b == 0 || a <= (Index{1} << 62) / b, what, ": ", a, " x ", b,
          " elements are more than a machine can address");
  return a * b;
}

/// Sizes of up to four axes; the last axis is contiguous. Most ops see a tensor as a matrix of rows() x cols(): the
/// product of all leading axes by the last.
class Shape {
 public:
  static constexpr int max_rank = 4;

  constexpr Shape() = default;
  Shape(std::initializer_list<Index> sizes) {
    require(sizes.size() <= max_rank, "Shape: at most 4 axes, got ", sizes.size());
    for (const Index size : sizes) {
      checked_product(size_, size, "Shape");
      sizes_[rank_++] = size;
      size_ *= size;
    }
  }

  /// (rows, cols), which nobody checks: for parts of what was checked, and for the device.
  NEUTRA_HD static Shape matrix(Index rows, Index cols) {
    Shape shape;
    shape.sizes_[0] = rows;
    shape.sizes_[1] = cols;
    shape.size_ = rows * cols;
    shape.rank_ = 2;
    return shape;
  }

  NEUTRA_HD int rank() const { return rank_; }
  NEUTRA_HD Index size() const { return size_; }
  NEUTRA_HD Index operator[](int axis) const { return sizes_[axis]; }
  NEUTRA_HD Index cols() const { return rank_ == 0 ? 1 : sizes_[rank_ - 1]; }
  NEUTRA_HD Index rows() const {
    Index rows = 1;
    for (int axis = 0; axis + 1 < rank_; ++axis) rows *= sizes_[axis];
    return rows;
  }
  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<Index, max_rank> sizes_{};
  Index size_ = 1;
  int rank_ = 0;
};

/// "(8,64)"; "()" for a scalar.
inline std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (int axis = 0; axis < shape.rank(); ++axis) text += (axis ? "," : "") + std::to_string(shape[axis]);
  return text + ")";
}

}}  // namespace neutra::NEUTRA_ABI
