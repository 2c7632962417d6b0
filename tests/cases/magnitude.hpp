// c[o] = m[o] / ||W[o] + scale B[o] A||
#pragma once

#include "neutra/op/magnitude.hpp"

#include "tests/cases/check.hpp"

namespace cases {

struct MagnitudeFactors {
  static constexpr std::string_view name = "magnitude_factors";
  static constexpr std::size_t trained = 1;  // the norms are constant
  static constexpr double tolerance = 256;
  Index out, in, rank;
  double scale;

  static std::vector<MagnitudeFactors> all() {
    return {{1, 1, 1, 1}, {5, 7, 2, 0.5}, {33, 3, 1, -2}, {3, 70, 4, 1}, {20, 20, 8, 0.25}};
  }
  std::string label() const { return concat(out, "x", in, " rank ", rank); }
  template <Scalar S, class D> auto inputs() const {
    auto squares = numbers<S, D>({out}, "squares");
    const auto w = numbers<S, D>({out, in}, "w", 0.25);
    for (Index o = 0; o < out; ++o) {
      double sum = 0;
      for (Index i = 0; i < in; ++i)
        sum += static_cast<double>(w.data()[o * in + i]) * static_cast<double>(w.data()[o * in + i]);
      squares.data()[o] = static_cast<S>(static_cast<float>(sum));
    }
    return list(numbers<S, D>({out}, "m"), w.clone(), numbers<S, D>({rank, in}, "a", 0.5),
                numbers<S, D>({out, rank}, "b", 0.5), std::move(squares));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return magnitude_factors(v[0], v[1], v[2], v[3], v[4].value(), static_cast<S>(scale));
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& t) const {
    std::vector<double> c;
    for (Index o = 0; o < out; ++o) {
      double square = t[4].data()[o];  // ||W[o]||^2, rounded to float
      for (Index i = 0; i < in; ++i) {
        const double before = t[1].data()[o * in + i];
        double w = before;
        for (Index k = 0; k < rank; ++k) w += scale * t[3].data()[o * rank + k] * t[2].data()[k * in + i];
        square += w * w - before * before;
      }
      c.push_back(t[0].data()[o] / std::sqrt(square));
    }
    return c;
  }
  double flops() const { return static_cast<double>(2 * out * in * rank); }
  double bytes(std::size_t size) const { return static_cast<double>(out * in) * static_cast<double>(size); }
};

}  // namespace cases
