/// The attention half of a layer.
#pragma once

#include "neutra/nn/layer.hpp"
#include "neutra/op/attention.hpp"
#include "neutra/op/rope.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// stream + attention: project, turn, attend, project back; and adapters at q, k, v, o and at the block.
/// stream: (N,d)  x: (N,d), the stream normed
template <class A, Scalar S, Backend D>
Var<S, D> attention_block(Layer<A, S, D>& layer, Var<S, D> stream, Var<S, D> x, const RopeTable<S, D>& rope_table,
                          const AttentionSizes& sizes) {
  using adapter::Site;
  const DType stored = layer.between({Site::q, Site::k, Site::v, Site::o});
  const auto q = rope(layer.project(Site::q, Slot::q, x), rope_table, sizes.length, stored);  // (N,H*W)
  const auto k = rope(layer.project(Site::k, Slot::k, x), rope_table, sizes.length, stored);  // (N,K*W)
  const auto v = layer.project(Site::v, Slot::v, x, stored);                                  // (N,K*W)
  return layer.join(stream, Site::attention, x, Site::o, Slot::o, attention(q, k, v, sizes));
}

}}}  // namespace neutra::NEUTRA_ABI::nn
