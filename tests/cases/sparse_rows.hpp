// Gather the open rows, compute with them, scatter the result.
#pragma once

#include "neutra/op/gated.hpp"
#include "neutra/op/sparse_rows.hpp"

#include "tests/cases/check.hpp"

namespace cases {

/// x + silu(a) b on the open rows, x on the others; `open` has one character per row, '.' if the gate is zero.
struct SparseRows {
  static constexpr std::string_view name = "sparse_rows";
  static constexpr std::size_t trained = 3;
  static constexpr double tolerance = 16;
  Index cols;
  std::string open;

  static std::vector<SparseRows> all() {
    return {{3, ""}, {5, "."}, {1, "o"}, {7, "....."}, {7, "ooooo"}, {16, "o.oo..o"}, {33, ".o...o."}, {0, "o.o"}};
  }
  Index rows() const { return static_cast<Index>(open.size()); }
  std::string label() const { return concat(rows(), "x", cols, " open '", open, "'"); }
  template <Scalar S, class D> auto inputs() const {
    auto g = numbers<S, D>({rows(), 1}, "g");
    for (Index n = 0; n < rows(); ++n)
      if (open[static_cast<std::size_t>(n)] == '.') g.data()[n] = 0;
    return list(numbers<S, D>({rows(), cols}, "x"), numbers<S, D>({rows(), cols}, "a"),
                numbers<S, D>({rows(), cols}, "b"), std::move(g));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    const RowSet set = open_rows(v[3]);
    const auto b = gather_rows(v[2], set), a = gather_rows(v[1], set);
    return scatter_add(v[0], gated(a, b), set);
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    std::vector<double> y;
    for (Index i = 0; i < rows() * cols; ++i) {
      const double a = in[1].data()[i], b = in[2].data()[i];
      y.push_back(in[0].data()[i] + (open[static_cast<std::size_t>(i / cols)] == '.' ? 0 : a / (1 + std::exp(-a)) * b));
    }
    return y;
  }
  double flops() const { return 13.0 * static_cast<double>(rows() * cols); }
  double bytes(std::size_t size) const { return 8.0 * static_cast<double>(rows() * cols) * static_cast<double>(size); }
};

}  // namespace cases
