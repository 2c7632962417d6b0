// y = f(x), for functions that use every primitive of core/math.hpp.
#pragma once

#include "neutra/op/pointwise.hpp"

#include "tests/cases/check.hpp"

namespace cases {

struct Sigmoid {
  template <class V> NEUTRA_HD V f(V x) const { return math::sigmoid(x); }
  template <class V> NEUTRA_HD V df(V, V y) const { return y * (V(1) - y); }
  static double plain(double x) { return 1 / (1 + std::exp(-x)); }
};
struct Tanh {
  template <class V> NEUTRA_HD V f(V x) const { return math::tanh(x); }
  template <class V> NEUTRA_HD V df(V, V y) const { return V(1) - y * y; }
  static double plain(double x) { return std::tanh(x); }
};
struct Softplus {
  template <class V> NEUTRA_HD V f(V x) const { return math::softplus(x); }
  template <class V> NEUTRA_HD V df(V x, V) const { return math::sigmoid(x); }
  static double plain(double x) { return x > 30 ? x : std::log1p(std::exp(x)); }
};
struct Relu {
  template <class V> NEUTRA_HD V f(V x) const { return math::relu(x); }
  template <class V> NEUTRA_HD V df(V x, V) const { return math::select(x > V(0), V(1), V(0)); }
  static double plain(double x) { return x > 0 ? x : 0; }
};
struct SoftCap : op::SoftCap<float> {
  SoftCap() : op::SoftCap<float>{1.5f} {}
  static double plain(double x) { return 1.5 * std::tanh(x / 1.5); }
};
/// log(sqrt(1 + x^2)), clamped to -1 .. 1 by min and max.
struct LogNorm {
  template <class V> NEUTRA_HD V f(V x) const {
    return math::max(V(-1), math::min(V(1), math::log(math::sqrt(V(1) + x * x))));
  }
  template <class V> NEUTRA_HD V df(V x, V y) const { return math::select(y < V(1), x / (V(1) + x * x), V(0)); }
  static double plain(double x) { return std::min(1.0, 0.5 * std::log1p(x * x)); }
};

template <class F> struct Pointwise {
  static constexpr std::string_view name = "pointwise";
  static constexpr std::size_t trained = 1;
  static constexpr double tolerance = 64;  // y (1 - y) of a sigmoid near 1
  Index rows, cols;
  double scale = 1;

  static std::vector<Pointwise> all() { return {{0, 3}, {2, 0}, {1, 1}, {5, 7}, {3, 16}, {4, 33}, {3, 21, 1e3}}; }
  std::string label() const { return concat(rows, "x", cols, " scale ", scale); }
  template <Scalar S, class D> auto inputs() const { return list(numbers<S, D>({rows, cols}, "x", scale)); }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return pointwise(v[0], F{});
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> y;
    for (Index i = 0; i < rows * cols; ++i) y.push_back(F::plain(in[0].data()[i]));
    return y;
  }
  double flops() const { return 10.0 * static_cast<double>(rows * cols); }
  double bytes(std::size_t size) const { return 2.0 * static_cast<double>(rows * cols) * static_cast<double>(size); }
};

}  // namespace cases
