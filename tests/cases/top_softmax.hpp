// y = softmax of the largest elements of each row.
#pragma once

#include "neutra/op/top_softmax.hpp"

#include "tests/cases/check.hpp"

#include <algorithm>
#include <numeric>

namespace cases {

struct TopSoftmax {
  static constexpr std::string_view name = "top_softmax";
  static constexpr std::size_t trained = 1;
  static constexpr double tolerance = 64;
  Index rows, cols, top;

  static std::vector<TopSoftmax> all() { return {{0, 3, 2}, {2, 1, 1}, {7, 3, 2}, {5, 21, 4}, {3, 4, 4}}; }
  std::string label() const { return concat(rows, "x", cols, ", top ", top); }
  template <Scalar S, class D> auto inputs() const { return list(numbers<S, D>({rows, cols}, "x", 3)); }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return top_softmax(v[0], top);
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> y(static_cast<std::size_t>(rows * cols));
    for (Index n = 0; n < rows; ++n) {
      const double* x = in[0].data() + n * cols;
      std::vector<Index> order(static_cast<std::size_t>(cols));
      std::iota(order.begin(), order.end(), Index{0});
      std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return x[a] > x[b]; });
      order.resize(static_cast<std::size_t>(top));
      double total = 0;
      for (const Index c : order) total += std::exp(x[c]);
      for (const Index c : order) y[static_cast<std::size_t>(n * cols + c)] = std::exp(x[c]) / total;
    }
    return y;
  }
  double flops() const { return static_cast<double>((12 + cols) * rows * cols); }
  double bytes(std::size_t size) const { return 2 * static_cast<double>(rows * cols) * static_cast<double>(size); }
};

}  // namespace cases
