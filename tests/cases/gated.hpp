// y = silu(a) b
#pragma once

#include "neutra/op/gated.hpp"

#include "tests/cases/check.hpp"

namespace cases {

struct Gated {
  static constexpr std::string_view name = "gated";
  static constexpr std::size_t trained = 2;
  static constexpr double tolerance = 16;
  Index rows, cols;
  double scale = 1;

  static std::vector<Gated> all() { return {{0, 3}, {2, 0}, {1, 1}, {5, 7}, {3, 16}, {4, 33}, {3, 21, 300}}; }
  std::string label() const { return concat(rows, "x", cols, " scale ", scale); }
  template <Scalar S, class D> auto inputs() const {
    return list(numbers<S, D>({rows, cols}, "a", scale), numbers<S, D>({rows, cols}, "b"));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return gated(v[0], v[1]);
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> y;
    for (Index i = 0; i < rows * cols; ++i)
      y.push_back(in[0].data()[i] / (1 + std::exp(-in[0].data()[i])) * in[1].data()[i]);
    return y;
  }
  double flops() const { return 12.0 * static_cast<double>(rows * cols); }
  double bytes(std::size_t size) const { return 3.0 * static_cast<double>(rows * cols) * static_cast<double>(size); }
};

}  // namespace cases
