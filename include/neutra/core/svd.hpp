/// The singular value decomposition, by Eigen. A separate header, because Eigen's takes seconds to compile.
#pragma once

#include "neutra/core/eigen.hpp"

#include <omp.h>
#include <Eigen/SVD>

namespace neutra { inline namespace NEUTRA_ABI {

/// Eigen uses one thread for the life of this object: it blocks its products by the number of threads, and so rounds
/// them differently.
class OneThreadOfEigen {
 public:
  OneThreadOfEigen() { Eigen::setNbThreads(1); }
  OneThreadOfEigen(const OneThreadOfEigen&) = delete;
  ~OneThreadOfEigen() { Eigen::setNbThreads(before_ == omp_get_max_threads() ? 0 : before_); }  // 0: OpenMP's number

 private:
  int before_ = Eigen::nbThreads();
};

/// W = U diag(s) V^T, computed in double. The bits do not depend on the number of threads.
/// W: (rows, cols), finite, not empty  vectors: Eigen::ComputeThinU, Eigen::ComputeThinV or both; 0: s alone
template <class S> Eigen::BDCSVD<Eigen::MatrixXd> svd(View<const S> w, unsigned vectors = 0) {
  const OneThreadOfEigen one;
  const Eigen::MatrixXd matrix = as_eigen(w).template cast<double>();
  return Eigen::BDCSVD<Eigen::MatrixXd>(matrix, vectors);
}

}}  // namespace neutra::NEUTRA_ABI
