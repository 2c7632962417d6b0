/// The leading singular vectors of a matrix.
#pragma once

#include "neutra/core/tensor.hpp"

#include <concepts>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// Orthonormal rows.      left: (k, rows of W)  right: (k, columns of W)
struct SingularVectors {
  Tensor<double> left, right;
};

/// Those of the k largest singular values of w. The bits do not depend on the number of threads.
/// Error: k is not from 1 to the smaller side of w.
template <std::same_as<double> T> SingularVectors leading_singular_vectors(View<const T> w, Index k);

#if defined(NEUTRA_COMPILED)
extern template SingularVectors leading_singular_vectors(View<const double>, Index);
#endif

}}}  // namespace neutra::NEUTRA_ABI::adapter

#if !defined(NEUTRA_COMPILED)
#include "neutra/adapter/singular_vectors_eigen.hpp"  // IWYU pragma: keep
#endif
