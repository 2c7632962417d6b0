// y = g a, one factor g per row or per element
#pragma once

#include "neutra/op/scale_rows.hpp"

#include "tests/cases/check.hpp"

namespace cases {

struct ScaleRows {
  static constexpr std::string_view name = "scale_rows";
  static constexpr std::size_t trained = 2;
  static constexpr double tolerance = 32;
  Index rows, cols, factors;

  static std::vector<ScaleRows> all() {
    return {{0, 3, 1}, {2, 0, 1},  {2, 0, 0},   {1, 1, 1},  {5, 7, 1},
            {5, 7, 7}, {3, 16, 1}, {3, 16, 16}, {4, 65, 1}, {4, 33, 33}};
  }
  std::string label() const { return concat(rows, "x", cols, " factors ", factors); }
  template <Scalar S, class D> auto inputs() const {
    return list(numbers<S, D>({rows, cols}, "a"), numbers<S, D>({rows, factors}, "g"));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return scale_rows(v[0], v[1]);
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> y;
    for (Index n = 0; n < rows; ++n)
      for (Index c = 0; c < cols; ++c)
        y.push_back(in[0].data()[n * cols + c] * in[1].data()[factors == 1 ? n : n * cols + c]);
    return y;
  }
  double flops() const { return static_cast<double>(rows * cols); }
  double bytes(std::size_t size) const {
    return static_cast<double>(rows * (2 * cols + factors)) * static_cast<double>(size);
  }
};

}  // namespace cases
