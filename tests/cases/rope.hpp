// Heads rotated by their position: elements p and p + W/2 as one complex number times exp(i t theta^(-2p/W))
#pragma once

#include "neutra/op/rope.hpp"

#include "tests/cases/check.hpp"

#include <complex>
#include <memory>

namespace cases {

struct Rope {
  static constexpr std::string_view name = "rope";
  static constexpr std::size_t trained = 1;
  static constexpr double tolerance = 256;                        // of the angle, up to 100
  Index sequences, length, heads, width, first = 0, rotated = 0;  // rotated elements of each head; 0: all
  double factor = 1;
  mutable std::shared_ptr<void> table = {};  // of the last run, which must outlive the step

  static std::vector<Rope> all() {
    return {{0, 4, 1, 2},  {1, 1, 1, 2},       {2, 3, 3, 8},        {3, 5, 2, 6},
            {1, 9, 1, 34}, {2, 3, 1, 32, 100}, {2, 3, 2, 10, 0, 6}, {1, 4, 3, 37, 5, 18, 1.25}};
  }
  std::string label() const {
    return concat(sequences, "x", length, " heads ", heads, " width ", width, " from ", first, " rotated ", rotated,
                  " factor ", factor);
  }
  template <Scalar S, class D> auto inputs() const {
    return list(numbers<S, D>({sequences * length, heads * width}, "x"));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    auto made = std::make_shared<RopeTable<S, D>>(
        length + 2, width, rope_frequencies(rotated > 0 ? rotated : width, 10000.0), factor, first);
    table = made;
    return rope(v[0], *made, length);
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> y(static_cast<std::size_t>(in[0].shape().size()));
    const double* x = in[0].data();
    for (Index n = 0; n < sequences * length; ++n)
      for (Index p = 0; p < heads * width; ++p) {
        const Index turning = rotated > 0 ? rotated : width;
        const Index pair = p % width, half = turning / 2, at = n * heads * width + p;
        if (pair >= turning) y[static_cast<std::size_t>(at)] = x[at];
        if (pair >= half) continue;
        const double angle = static_cast<double>(first + n % length) /
                             std::pow(10000.0, static_cast<double>(2 * pair) / static_cast<double>(turning));
        const auto turned = std::complex<double>(x[at], x[at + half]) * std::polar(factor, angle);
        y[static_cast<std::size_t>(at)] = turned.real();
        y[static_cast<std::size_t>(at + half)] = turned.imag();
      }
    return y;
  }
  double flops() const { return 3.0 * static_cast<double>(sequences * length * heads * width); }
  double bytes(std::size_t size) const {
    return 2.0 * static_cast<double>(sequences * length * heads * width) * static_cast<double>(size);
  }
};

}  // namespace cases
