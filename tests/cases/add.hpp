// z = x + scale y
#pragma once

#include "neutra/op/add.hpp"

#include "tests/cases/check.hpp"

namespace cases {

struct Add {
  static constexpr std::string_view name = "add";
  static constexpr std::size_t trained = 2;
  static constexpr double tolerance = 4;
  Index rows, cols;
  double scale;

  static std::vector<Add> all() { return {{0, 5, 1}, {1, 1, 1}, {5, 0, 1}, {3, 7, 0.25}, {4, 16, -1}, {6, 33, 2}}; }
  std::string label() const { return concat(rows, "x", cols, " scale ", scale); }
  template <Scalar S, class D> auto inputs() const {
    return list(numbers<S, D>({rows, cols}, "x"), numbers<S, D>({rows, cols}, "y"));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return add(v[0], v[1], static_cast<S>(scale));
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> z;
    for (Index i = 0; i < rows * cols; ++i) z.push_back(in[0].data()[i] + scale * in[1].data()[i]);
    return z;
  }
  double flops() const { return 2.0 * static_cast<double>(rows * cols); }
  double bytes(std::size_t size) const { return 3.0 * static_cast<double>(rows * cols) * static_cast<double>(size); }
};

}  // namespace cases
