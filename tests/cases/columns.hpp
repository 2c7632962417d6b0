// y = a range of columns of x
#pragma once

#include "neutra/op/columns.hpp"

#include "tests/cases/check.hpp"

namespace cases {

struct Columns {
  static constexpr std::string_view name = "columns";
  static constexpr std::size_t trained = 1;
  static constexpr double tolerance = 64;
  Index rows, cols, first, count;

  static std::vector<Columns> all() {
    return {{0, 3, 1, 1}, {2, 3, 0, 3}, {2, 3, 1, 1}, {5, 40, 3, 21}, {3, 33, 32, 1}, {2, 4, 4, 0}};
  }
  std::string label() const { return concat(rows, "x", cols, " from ", first, ", ", count); }
  template <Scalar S, class D> auto inputs() const { return list(numbers<S, D>({rows, cols}, "x")); }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return columns(v[0], first, count);
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> y;
    for (Index n = 0; n < rows; ++n)
      for (Index c = 0; c < count; ++c) y.push_back(in[0].data()[n * cols + first + c]);
    return y;
  }
  double flops() const { return 0; }
  double bytes(std::size_t size) const { return 2 * static_cast<double>(rows * count) * static_cast<double>(size); }
};

}  // namespace cases
