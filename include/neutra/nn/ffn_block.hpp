/// The feed-forward half of a layer.
#pragma once

#include "neutra/nn/layer.hpp"
#include "neutra/op/gated.hpp"

namespace neutra::inline NEUTRA_ABI::nn {

/// x (N,d), already normed, to (N,d), before the residual sum: down(silu(gate x) * (up x)); adapters at gate, up, down and at the block.
template <class A, Scalar S, Backend D> Var<S, D> ffn_block(Layer<A, S, D>& layer, Var<S, D> x) {
  const auto inner = gated(layer.project(adapter::Site::gate, Slot::gate, x), layer.project(adapter::Site::up, Slot::up, x));  // (N,f)
  const auto y = layer.project(adapter::Site::down, Slot::down, inner);                                                        // (N,d)
  return layer.adapt(adapter::Site::ffn, x, y);
}

}  // namespace neutra::inline NEUTRA_ABI::nn
