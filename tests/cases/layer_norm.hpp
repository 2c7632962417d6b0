// y = w (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) + b
#pragma once

#include "neutra/op/layer_norm.hpp"

#include "tests/cases/check.hpp"

namespace cases {

struct LayerNorm {
  static constexpr std::string_view name = "layer_norm";
  static constexpr std::size_t trained = 3;
  static constexpr double tolerance = 64;
  Index rows, cols;
  double scale = 1, eps = 1e-5;

  static std::vector<LayerNorm> all() {
    return {{0, 5},  {3, 0},   {1, 1, 1, 0.5}, {5, 7},         {4, 16},
            {3, 33}, {130, 3}, {2, 81, 1e4},   {2, 9, 0, 1e-2}};  // 130: more than two blocks of column_sums
  }
  /// Derivatives of 1e-4 are below the rounding errors of central differences.
  bool smooth() const { return scale <= 10; }
  std::string label() const { return concat(rows, "x", cols, " scale ", scale); }
  template <Scalar S, class D> auto inputs() const {
    return list(numbers<S, D>({rows, cols}, "x", scale), numbers<S, D>({cols}, "w"), numbers<S, D>({cols}, "b"));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return layer_norm(v[0], v[1], v[2], static_cast<S>(eps));
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    Tensor<double> y({rows, cols});
    op::LayerNorm<double>::reference(in[0], in[1], in[2], y, eps);
    return as_doubles(View<const double>(y));
  }
  double flops() const { return 8.0 * static_cast<double>(rows * cols); }
  double bytes(std::size_t size) const { return 3.0 * static_cast<double>(rows * cols) * static_cast<double>(size); }
};

}  // namespace cases
