// The sum of each row, its mean, and the sum of all elements.
#pragma once

#include "neutra/op/sum.hpp"

#include "tests/cases/check.hpp"

namespace cases {

struct Sum {
  static constexpr std::string_view name = "sum";
  static constexpr std::size_t trained = 1;
  static constexpr double tolerance = 64;
  Index rows, cols, kind;

  static std::vector<Sum> all() {
    return {{0, 3, 0}, {4, 1, 0}, {5, 21, 0}, {5, 21, 1}, {3, 33, 2}, {1, 1, 2}, {0, 3, 2}};
  }
  std::string label() const {
    return concat(rows, "x", cols, kind == 0 ? " row sum" : kind == 1 ? " row mean" : " sum");
  }
  template <Scalar S, class D> auto inputs() const { return list(numbers<S, D>({rows, cols}, "x")); }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return kind == 0 ? row_sum(v[0], S(0.5)) : kind == 1 ? row_mean(v[0]) : sum(v[0], S(0.5));
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> y;
    double total = 0;
    for (Index n = 0; n < rows; ++n) {
      double row = 0;
      for (Index c = 0; c < cols; ++c) row += in[0].data()[n * cols + c];
      total += row / 2;
      if (kind < 2) y.push_back(kind == 0 ? row / 2 : row / static_cast<double>(cols));
    }
    if (kind == 2) y.push_back(total);
    return y;
  }
  double flops() const { return static_cast<double>(rows * cols); }
  double bytes(std::size_t size) const { return static_cast<double>(rows * cols) * static_cast<double>(size); }
};

}  // namespace cases
