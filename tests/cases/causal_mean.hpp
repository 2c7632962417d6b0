// y[t] = mean of x[0] .. x[t] within a sequence, where x[t-k] weighs decay^k.
#pragma once

#include "neutra/op/causal_mean.hpp"

#include "tests/cases/check.hpp"

namespace cases {

struct CausalMean {
  static constexpr std::string_view name = "causal_mean";
  static constexpr std::size_t trained = 1;
  static constexpr double tolerance = 64;
  Index sequences, length, cols;
  double decay = 1;
  bool sum = false;

  static std::vector<CausalMean> all() {
    return {{0, 3, 2},
            {2, 1, 1},
            {2, 5, 1},
            {3, 4, 21},
            {1, 9, 16},
            {2, 5, 1, 0.5},
            {2, 9, 17, 0.9},
            {1, 1, 1, 0.0625},
            {1, 400, 1, 0.25},
            {1, 30, 2, 0.999},
            {2, 7, 3, 0.75, true},
            {2, 3, 1, 1, true}};
  }
  std::string label() const { return concat(sequences, "x", length, "x", cols, " decay ", decay, sum ? " sum" : ""); }
  template <Scalar S, class D> auto inputs() const { return list(numbers<S, D>({sequences * length, cols}, "x")); }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return causal_mean(v[0], length, static_cast<S>(decay), sum);
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> y;
    for (Index n = 0; n < sequences * length; ++n)
      for (Index c = 0; c < cols; ++c) {
        double total = 0, weights = 0;
        for (Index u = n - n % length; u <= n; ++u) {
          const double weight = std::pow(decay, static_cast<double>(n - u));
          total += weight * in[0].data()[u * cols + c];
          weights += weight;
        }
        y.push_back(sum ? total : total / weights);
      }
    return y;
  }
  double flops() const { return 2 * static_cast<double>(sequences * length * cols); }
  double bytes(std::size_t size) const {
    return 2 * static_cast<double>(sequences * length * cols) * static_cast<double>(size);
  }
};

}  // namespace cases
