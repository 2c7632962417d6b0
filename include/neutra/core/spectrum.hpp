/// Singular values of a matrix. A separate header, because it needs Eigen.
#pragma once

#include "neutra/core/svd.hpp"

#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// The singular values of a matrix, the largest first: min(rows, cols) of them.
struct Spectrum {
  std::vector<double> values;

  /// ||W||_F^2 / ||W||_2^2, between 1 and the rank: the number of directions that carry the matrix; 0 where W = 0.
  /// Rudelson, Vershynin 2007, arXiv math/0503442
  double stable_rank() const {
    if (values.empty() || values[0] == 0) return 0;
    double sum = 0;
    for (const double value : values) sum += value / values[0] * (value / values[0]);
    return sum;
  }
};

/// Computed in double; the bits do not depend on the number of threads. W: (rows, cols), finite
template <class S> Spectrum spectrum(View<const S> w) {
  if (w.size() == 0) return {};
  const auto parts = svd(w);
  return {{parts.singularValues().begin(), parts.singularValues().end()}};
}

}}  // namespace neutra::NEUTRA_ABI
