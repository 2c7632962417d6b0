// y = scale * sum of KL(softmax(teacher) || softmax(x)) over weighted rows.
#pragma once

#include "neutra/op/kl_divergence.hpp"

#include "tests/cases/check.hpp"

namespace cases {

struct KlDivergence {
  static constexpr std::string_view name = "kl_divergence";
  static constexpr std::size_t trained = 1;
  static constexpr double tolerance = 256;
  static constexpr double scale = 0.25;
  Index rows, cols;
  bool weighted = false;

  static std::vector<KlDivergence> all() { return {{0, 3}, {1, 1}, {2, 3}, {5, 21, true}, {3, 64, true}}; }
  std::string label() const { return concat(rows, "x", cols, weighted ? " weighted" : ""); }
  template <Scalar S, class D> auto inputs() const {
    Tensor<S, D> weights({rows, 1});
    for (Index n = 0; n < rows; ++n) weights.data()[n] = static_cast<S>(n % 2);
    return list(numbers<S, D>({rows, cols}, "x", 2), numbers<S, D>({rows, cols}, "teacher", 2), std::move(weights));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return kl_divergence(v[0], v[1], weighted ? v[2].value().data : nullptr, static_cast<S>(scale));
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    double total = 0;
    for (Index n = 0; n < rows; ++n) {
      const double *x = in[0].data() + n * cols, *teacher = in[1].data() + n * cols;
      double x_sum = 0, t_sum = 0;
      for (Index c = 0; c < cols; ++c) {
        x_sum += std::exp(x[c]);
        t_sum += std::exp(teacher[c]);
      }
      for (Index c = 0; c < cols; ++c) {
        const double p = std::exp(teacher[c]) / t_sum, q = std::exp(x[c]) / x_sum;
        total += (weighted ? in[2].data()[n] : 1) * p * std::log(p / q);
      }
    }
    return {scale * total};
  }
  double flops() const { return 40 * static_cast<double>(rows * cols); }
  double bytes(std::size_t size) const { return 2 * static_cast<double>(rows * cols) * static_cast<double>(size); }
};

}  // namespace cases
