// y = f(x) and y = f(a) b, with f chosen at run time
#pragma once

#include "neutra/op/activation.hpp"

#include "tests/cases/check.hpp"

namespace cases {

inline double plain_activation(Activation function, double x) {
  switch (function) {
    case Activation::gelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::gelu_tanh:
      return x / (1 + std::exp(-2 * std::sqrt(2 / 3.141592653589793) * (x + 0.044715 * x * x * x)));
    case Activation::relu:
      return x > 0 ? x : 0;
    default:
      return x / (1 + std::exp(-x));
  }
}

struct Activated {
  static constexpr std::string_view name = "activation";
  static constexpr std::size_t trained = 1;
  static constexpr double tolerance = 64;
  Activation function;
  Index rows, cols;
  double scale = 1;

  static std::vector<Activated> all() {
    std::vector<Activated> cases;
    for (const Activation f : {Activation::gelu, Activation::gelu_tanh, Activation::relu, Activation::silu})
      cases.insert(cases.end(), {{f, 0, 3}, {f, 2, 0}, {f, 1, 1}, {f, 5, 7}, {f, 3, 16}, {f, 4, 33, 4}});
    return cases;
  }
  std::string label() const { return concat(rows, "x", cols, " function ", static_cast<int>(function)); }
  template <Scalar S, class D> auto inputs() const { return list(numbers<S, D>({rows, cols}, "x", scale)); }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return activation(v[0], function);
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> y;
    for (Index i = 0; i < rows * cols; ++i) y.push_back(plain_activation(function, in[0].data()[i]));
    return y;
  }
  double flops() const { return 10.0 * static_cast<double>(rows * cols); }
  double bytes(std::size_t size) const { return 2.0 * static_cast<double>(rows * cols) * static_cast<double>(size); }
};

struct GatedByActivation {
  static constexpr std::string_view name = "gated by an activation";
  static constexpr std::size_t trained = 2;
  static constexpr double tolerance = 64;
  Activation function;
  Index rows, cols;

  static std::vector<GatedByActivation> all() {
    std::vector<GatedByActivation> cases;
    for (const Activation f : {Activation::gelu, Activation::gelu_tanh, Activation::relu, Activation::silu})
      cases.insert(cases.end(), {{f, 0, 3}, {f, 1, 1}, {f, 5, 7}, {f, 4, 33}});
    return cases;
  }
  std::string label() const { return concat(rows, "x", cols, " function ", static_cast<int>(function)); }
  template <Scalar S, class D> auto inputs() const {
    return list(numbers<S, D>({rows, cols}, "a"), numbers<S, D>({rows, cols}, "b"));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return gated(v[0], v[1], function);
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> y;
    for (Index i = 0; i < rows * cols; ++i) y.push_back(plain_activation(function, in[0].data()[i]) * in[1].data()[i]);
    return y;
  }
  double flops() const { return 12.0 * static_cast<double>(rows * cols); }
  double bytes(std::size_t size) const { return 3.0 * static_cast<double>(rows * cols) * static_cast<double>(size); }
};

}  // namespace cases
