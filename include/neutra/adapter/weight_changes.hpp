/// What an adapter adds to the weights of a model, for adapters that weights can express.
#pragma once

#include "neutra/adapter/sizes.hpp"
#include "neutra/backend/backend.hpp"
#include "neutra/core/tensor.hpp"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// Changes of the weights of single layers, in host memory, with which a model without adapter computes what it
/// computes with one. The changes of several adapters add up.
template <Scalar S> struct WeightChanges {
  /// W += scale B A at a projection.      A: (r,in)  B: (out,r)
  struct LowRank {
    Index layer;
    Site site;
    Tensor<S> a, b;
    double scale;
  };
  /// Further hidden units of an FFN, down(silu(gate x) * (up x)).      gate, up: (r,d)  down: (d,r)
  struct Units {
    Index layer;
    Tensor<S> gate, up, down;
  };

  std::vector<LowRank> low_rank{};
  std::vector<Units> units{};

  void add(WeightChanges more) {
    std::move(more.low_rank.begin(), more.low_rank.end(), std::back_inserter(low_rank));
    std::move(more.units.begin(), more.units.end(), std::back_inserter(units));
  }
};

/// A copy in host memory.
template <Scalar S, Backend D> Tensor<S> host_copy(const Tensor<S, D>& values) {
  Tensor<S> copy(values.shape());
  D::template download<S>(values.data(), std::span<S>(copy.data(), static_cast<std::size_t>(copy.size())));
  return copy;
}

}}}  // namespace neutra::NEUTRA_ABI::adapter
