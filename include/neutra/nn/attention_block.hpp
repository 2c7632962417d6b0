/// The attention half of a layer.
#pragma once

#include "neutra/nn/layer.hpp"
#include "neutra/op/attention.hpp"
#include "neutra/op/rope.hpp"

namespace neutra::inline NEUTRA_ABI::nn {

/// x (N,d), already normed, to (N,d), before the residual sum: project, turn, attend, project back; adapters at q, k, v, o and at the block.
template <class A, Scalar S, Backend D>
Var<S, D> attention_block(Layer<A, S, D>& layer, Var<S, D> x, const RopeTable<S, D>& rope_table, const AttentionSizes& sizes) {
  const auto q = rope(layer.project(adapter::Site::q, Slot::q, x), rope_table, sizes.length);  // (N,H*W)
  const auto k = rope(layer.project(adapter::Site::k, Slot::k, x), rope_table, sizes.length);  // (N,K*W)
  const auto v = layer.project(adapter::Site::v, Slot::v, x);                                  // (N,K*W)
  const auto y = layer.project(adapter::Site::o, Slot::o, attention(q, k, v, sizes));          // (N,d)
  return layer.adapt(adapter::Site::attention, x, y);
}

}  // namespace neutra::inline NEUTRA_ABI::nn
