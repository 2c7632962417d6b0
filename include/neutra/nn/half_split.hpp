/// The order of the rows that RoPE rotates.
#pragma once

#include "neutra/core/tensor.hpp"
#include "neutra/nn/weight_list.hpp"

#include <algorithm>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace detail {

/// Whether a weight or bias makes queries or keys, whose elements RoPE rotates in pairs.
inline bool is_rotated(const WeightKind& kind) {
  const auto is = [](const auto& site) { return site == adapter::Site::q || site == adapter::Site::k; };
  return is(kind.site) || is(kind.bias_of);
}

/// Reorders the rows of each head from interleaved order (rows 2p and 2p+1 are a pair), as in llama2.c and GGUF, to
/// half-split order (p and p + W/2 are).      values: (H*W,C) or (H*W)
template <Scalar S> Tensor<S> half_split(const Tensor<S>& values, Index head_width) {
  const Index half = head_width / 2, rows = values.shape()[0], cols = values.size() / rows;
  Tensor<S> split(values.shape());
  for (Index row = 0; row < rows; ++row) {
    const Index at = row % head_width, from = row - at + (at < half ? 2 * at : 2 * (at - half) + 1);
    std::copy_n(values.data() + from * cols, cols, split.data() + row * cols);
  }
  return split;
}

}}}}  // namespace neutra::NEUTRA_ABI::nn::detail
