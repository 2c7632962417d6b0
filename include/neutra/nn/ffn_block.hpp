/// The feed-forward half of a layer.
#pragma once

#include "neutra/nn/layer.hpp"
#include "neutra/op/gated.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// stream + down(silu(gate x) * (up x)), and adapters at gate, up, down and at the block.      stream: (N,d)  x: (N,d),
/// the stream normed
template <class A, Scalar S, Backend D> Var<S, D> ffn_block(Layer<A, S, D>& layer, Var<S, D> stream, Var<S, D> x) {
  using adapter::Site;
  const DType stored = layer.between({Site::gate, Site::up, Site::down});
  const auto up = layer.project(Site::up, Slot::up, x, stored), gate = layer.project(Site::gate, Slot::gate, x, stored);
  return layer.join(stream, Site::ffn, x, Site::down, Slot::down, gated(gate, up));  // gate, up: (N,f)
}

}}}  // namespace neutra::NEUTRA_ABI::nn
