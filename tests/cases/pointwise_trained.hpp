// y = f(x, p), p: two trained scalars
#pragma once

#include "neutra/op/pointwise_trained.hpp"

#include "tests/cases/check.hpp"

namespace cases {

/// tanh(a x + b)
struct Affine {
  template <class V> NEUTRA_HD V f(V x, Parameters<V, 2> p) const { return math::tanh(p[0] * x + p[1]); }
  template <class V> NEUTRA_HD V df(V, V y, Parameters<V, 2> p) const { return p[0] * (V(1) - y * y); }
  template <class V> NEUTRA_HD Parameters<V, 2> dp(V x, V y, Parameters<V, 2>) const {
    const V slope = V(1) - y * y;
    return {{x * slope, slope}};
  }
};

struct PointwiseTrained {
  static constexpr std::string_view name = "pointwise_trained";
  static constexpr std::size_t trained = 3;
  static constexpr double tolerance = 64;
  Index rows, cols;

  static std::vector<PointwiseTrained> all() { return {{0, 3}, {1, 1}, {5, 7}, {70, 1}, {3, 33}}; }
  std::string label() const { return concat(rows, "x", cols); }
  template <Scalar S, class D> auto inputs() const {
    return list(numbers<S, D>({rows, cols}, "x"), numbers<S, D>({1}, "a"), numbers<S, D>({1}, "b"));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return pointwise_trained(v[0], Affine{}, std::span<const Var<S, D>>(v).subspan(1));
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> y;
    for (Index i = 0; i < rows * cols; ++i) y.push_back(std::tanh(in[1].data()[0] * in[0].data()[i] + in[2].data()[0]));
    return y;
  }
  double flops() const { return 10 * static_cast<double>(rows * cols); }
  double bytes(std::size_t size) const { return 2 * static_cast<double>(rows * cols) * static_cast<double>(size); }
};

}  // namespace cases
