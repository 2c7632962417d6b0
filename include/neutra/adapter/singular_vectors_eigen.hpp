/// leading_singular_vectors by Eigen, whose headers take seconds to compile.
#pragma once

#include "neutra/adapter/singular_vectors.hpp"
#include "neutra/core/error.hpp"
#include "neutra/core/svd.hpp"

#include <algorithm>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

template <std::same_as<double> T> SingularVectors leading_singular_vectors(View<const T> w, Index k) {
  require(k >= 1 && k <= std::min(w.rows(), w.cols()), "singular vectors: their number must be from 1 to ",
          std::min(w.rows(), w.cols()), ", the smaller side of ", w.shape, ", got ", k);
  const auto parts = svd(w, Eigen::ComputeThinU | Eigen::ComputeThinV);
  SingularVectors found{Tensor<double>({k, w.rows()}), Tensor<double>({k, w.cols()})};
  as_eigen(found.left.view()) = parts.matrixU().leftCols(k).transpose();
  as_eigen(found.right.view()) = parts.matrixV().leftCols(k).transpose();
  return found;
}

}}}  // namespace neutra::NEUTRA_ABI::adapter
