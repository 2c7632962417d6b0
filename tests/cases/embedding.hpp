// y[n] = table[tokens[n]]
#pragma once

#include "neutra/op/embedding.hpp"

#include "tests/cases/check.hpp"

namespace cases {

struct Embedding {
  static constexpr std::string_view name = "embedding";
  static constexpr std::size_t trained = 1;
  static constexpr double tolerance = 8;
  Index vocabulary, cols;
  std::vector<std::int32_t> tokens;

  static std::vector<Embedding> all() {
    return {{3, 4, {}},    {1, 1, {0}}, {6, 21, {1, 5, 1, 0}}, {4, 16, {3, 3, 3, 3, 3}}, {9, 33, {8, 0, 8, 2, 7}},
            {5, 0, {1, 2}}};
  }
  std::string label() const { return concat(vocabulary, "x", cols, " tokens ", tokens.size()); }
  template <Scalar S, class D> auto inputs() const { return list(numbers<S, D>({vocabulary, cols}, "table")); }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return embedding(v[0], std::span<const std::int32_t>(tokens));
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> y;
    for (const auto token : tokens)
      for (Index c = 0; c < cols; ++c) y.push_back(in[0].data()[token * cols + c]);
    return y;
  }
  double flops() const { return 0; }
  double bytes(std::size_t size) const {
    return 2.0 * static_cast<double>(tokens.size()) * static_cast<double>(cols) * static_cast<double>(size);
  }
};

}  // namespace cases
