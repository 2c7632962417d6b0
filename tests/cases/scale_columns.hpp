// y[n,c] = x[n,c] v[c]
#pragma once

#include "neutra/op/scale_columns.hpp"

#include "tests/cases/check.hpp"

namespace cases {

struct ScaleColumns {
  static constexpr std::string_view name = "scale_columns";
  static constexpr std::size_t trained = 2;
  static constexpr double tolerance = 64;
  Index rows, cols;

  static std::vector<ScaleColumns> all() { return {{0, 3}, {1, 1}, {5, 7}, {70, 3}, {3, 33}}; }
  std::string label() const { return concat(rows, "x", cols); }
  template <Scalar S, class D> auto inputs() const {
    return list(numbers<S, D>({rows, cols}, "x"), numbers<S, D>({cols}, "v"));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return scale_columns(v[0], v[1]);
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> y;
    for (Index n = 0; n < rows; ++n)
      for (Index c = 0; c < cols; ++c) y.push_back(in[0].data()[n * cols + c] * in[1].data()[c]);
    return y;
  }
  double flops() const { return static_cast<double>(rows * cols); }
  double bytes(std::size_t size) const {
    return static_cast<double>((2 * rows + 1) * cols) * static_cast<double>(size);
  }
};

}  // namespace cases
