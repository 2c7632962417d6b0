// y = softmax of each row.
#pragma once

#include "neutra/op/softmax.hpp"

#include "tests/cases/check.hpp"

namespace cases {

struct Softmax {
  static constexpr std::string_view name = "softmax";
  static constexpr std::size_t trained = 1;
  static constexpr double tolerance = 64;
  Index rows, cols;

  static std::vector<Softmax> all() { return {{0, 3}, {2, 1}, {2, 3}, {5, 21}, {3, 64}}; }
  std::string label() const { return concat(rows, "x", cols); }
  template <Scalar S, class D> auto inputs() const { return list(numbers<S, D>({rows, cols}, "x", 3)); }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return softmax(v[0]);
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> y;
    for (Index n = 0; n < rows; ++n) {
      const double* x = in[0].data() + n * cols;
      double total = 0;
      for (Index c = 0; c < cols; ++c) total += std::exp(x[c]);
      for (Index c = 0; c < cols; ++c) y.push_back(std::exp(x[c]) / total);
    }
    return y;
  }
  double flops() const { return 12 * static_cast<double>(rows * cols); }
  double bytes(std::size_t size) const { return 2 * static_cast<double>(rows * cols) * static_cast<double>(size); }
};

}  // namespace cases
