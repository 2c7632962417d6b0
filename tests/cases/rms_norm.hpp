// y = w x / sqrt(mean(x^2) + eps)
#pragma once

#include "neutra/op/rms_norm.hpp"

#include "tests/cases/check.hpp"

namespace cases {

struct RmsNorm {
  static constexpr std::string_view name = "rms_norm";
  static constexpr std::size_t trained = 2;
  static constexpr double tolerance = 64;
  Index rows, cols;
  double scale = 1, eps = 1e-5, offset = 0;
  Index heads = 1;

  static std::vector<RmsNorm> all() {
    return {{0, 5},
            {3, 0},
            {1, 1, 1, 0.5},
            {5, 7},
            {4, 16},
            {3, 33},
            {130, 3},
            {2, 81, 1e4},
            {2, 9, 0, 1e-2},
            {4, 19, 1, 1e-3, 1},
            {3, 8, 1, 1e-3, 0, 3},
            {70, 5, 1, 1e-3, 1, 2}};  // 130: more than two blocks of column_sums
  }
  /// Derivatives of 1e-4 are below the rounding errors of central differences.
  bool smooth() const { return scale <= 10; }
  std::string label() const { return concat(rows, "x", cols, " scale ", scale, " offset ", offset, " heads ", heads); }
  template <Scalar S, class D> auto inputs() const {
    return list(numbers<S, D>({rows, heads * cols}, "x", scale), numbers<S, D>({cols}, "w"));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return rms_norm(v[0], v[1], static_cast<S>(eps), static_cast<S>(offset));
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    Tensor<double> y({rows, heads * cols});
    const Shape by_head{rows * heads, cols};
    op::RmsNorm<double>::reference(View<const double>(in[0].data(), by_head), in[1], View<double>(y.data(), by_head),
                                   eps, offset);
    return as_doubles(View<const double>(y));
  }
  double flops() const { return 4.0 * static_cast<double>(rows * cols); }
  double bytes(std::size_t size) const { return 3.0 * static_cast<double>(rows * cols) * static_cast<double>(size); }
};

}  // namespace cases
