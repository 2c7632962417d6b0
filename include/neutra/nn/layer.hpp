/// What a block of a layer works with: its weights, on the tape, and the adapter.
#pragma once

#include "neutra/adapter/adapter.hpp"
#include "neutra/nn/backbone.hpp"
#include "neutra/op/add.hpp"
#include "neutra/op/linear.hpp"

#include <algorithm>
#include <initializer_list>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// The frozen weights of a model, or the trainable copies that stand in for them.
template <Scalar S, Backend D> struct Weights {
  const Backbone<S, D>& backbone;
  std::deque<Parameter<S, D>>* thawed = nullptr;

  Var<S, D> on(Tape<S, D>& tape, Slot slot, Index layer) const {
    const std::size_t index = backbone.index(slot, layer);
    return thawed ? tape.leaf((*thawed)[index]) : tape.constant(backbone.weights()[index]);
  }
};

/// One layer during one forward pass. A: an adapter's Instance.
template <class A, Scalar S, Backend D> struct Layer {
  const Weights<S, D>& weights;
  A& adapter;
  Index index;
  Pass<S, D>& pass;

  Var<S, D> weight(Slot slot) const { return weights.on(pass.tape, slot, index); }
  /// Whether an adapter reads or changes what passes any of these sites.
  bool acts_at(std::initializer_list<adapter::Site> sites) const {
    return std::any_of(sites.begin(), sites.end(), [&](adapter::Site site) { return adapter::acts_at(adapter, site); });
  }
  Var<S, D> adapt(adapter::Site site, Var<S, D> x, Var<S, D> y) {
    return acts_at({site}) ? adapter.add(site, index, x, y, pass) : y;
  }
  /// How values between two products are stored: in the precision of the step, where no adapter reads them at `sites`.
  DType between(std::initializer_list<adapter::Site> sites) const {
    return acts_at(sites) ? dtype_of<S> : pass.tape.precision();
  }
  /// x W^T, and what the adapter adds at that projection.
  Var<S, D> project(adapter::Site site, Slot slot, Var<S, D> x, DType stored = dtype_of<S>) {
    return adapt(site, x, linear(x, weight(slot), stored));
  }
  /// A block's last projection of `inner` joins the stream, with what adapters add at that projection and at the block,
  /// which read x. Where none does, the sum is the product's own.
  Var<S, D> join(Var<S, D> stream, adapter::Site block, Var<S, D> x, adapter::Site site, Slot slot, Var<S, D> inner) {
    if (!acts_at({site, block})) return linear(inner, weight(slot), stream);
    return add(stream, adapt(block, x, project(site, slot, inner)));
  }
};

}}}  // namespace neutra::NEUTRA_ABI::nn
