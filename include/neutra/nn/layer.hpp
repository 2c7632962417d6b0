/// What the blocks of a family work with: the weights on the tape, and the adapter.
#pragma once

#include "neutra/adapter/attached.hpp"
#include "neutra/nn/weight_list.hpp"
#include "neutra/op/add.hpp"
#include "neutra/op/linear.hpp"

#include <algorithm>
#include <deque>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// The trainable copies of weights of a backbone: one per weight, null where it stays frozen. Empty if all do.
template <Scalar S, Backend D> using Thawed = std::vector<std::unique_ptr<Parameter<S, D>>>;

/// The frozen weights of a model on a tape, or the trainable copies that replace them.
template <Scalar S, Backend D> struct Weights {
  Tape<S, D>& tape;
  const WeightList& list;
  const std::deque<Frozen<S, D>>& frozen;
  const Thawed<S, D>& thawed;

  /// By index in WeightList::of_all.
  Var<S, D> of_all(Index kind) const { return at(list.index_of_all(kind)); }
  /// By index in WeightList::of_layer.
  Var<S, D> of_layer(Index kind, Index layer) const { return at(list.index_in_layer(kind, layer)); }

 private:
  Var<S, D> at(Index index) const {
    const auto place = static_cast<std::size_t>(index);
    const bool trained = !thawed.empty() && thawed[place];
    return trained ? tape.leaf(*thawed[place]) : tape.constant(frozen[place]);
  }
};

/// One layer during one forward pass.
template <Scalar S, Backend D> struct Layer {
  const Weights<S, D>& weights;
  adapter::Attached<S, D>& adapter;
  Index index;
  Pass<S, D>& pass;
  std::span<Parameter<S, D>* const> own{};  // if given, its weights; where null, and if not given, the model's

  /// By index in WeightList::of_layer.
  Var<S, D> weight(Index kind) const {
    Parameter<S, D>* const given = own.empty() ? nullptr : own[static_cast<std::size_t>(kind)];
    return given ? pass.tape.leaf(*given) : weights.of_layer(kind, index);
  }
  Var<S, D> weight(adapter::Site projection) const { return weight(weights.list.kind_at(projection)); }
  /// Whether the adapter reads or changes values at any of these sites in this pass.
  bool acts_at(std::initializer_list<adapter::Site> sites) const {
    return std::any_of(sites.begin(), sites.end(),
                       [&](adapter::Site site) { return adapter.acts_at(site, pass.attenuation); });
  }
  /// y, or the value with which the adapter replaces it, attenuated.
  Var<S, D> adapt(adapter::Site site, Var<S, D> x, Var<S, D> y) { return attenuated(adapter, site, index, x, y, pass); }
  /// The storage dtype of values between two matmuls: the precision of the step, or S if the adapter acts at `sites`.
  DType intermediate_dtype(std::initializer_list<adapter::Site> sites) const {
    return acts_at(sites) ? dtype_of<S> : pass.tape.precision();
  }
  /// x W^T, plus a bias if the family has one, adapted at the projection `site`.
  Var<S, D> project(adapter::Site site, Var<S, D> x, DType stored = dtype_of<S>) {
    const auto w = weight(site);
    const Index bias = weights.list.bias_of(site);
    if (bias < 0) return adapt(site, x, linear(x, w, stored));
    return adapt(site, x, linear(x, w, stored, weight(bias)));
  }
  /// stream + the last projection of a block, W inner, adapted at `site` and at the block, whose input is x. Without an
  /// adapter and a bias there, the matmul adds the stream.
  Var<S, D> join(Var<S, D> stream, adapter::Site block, Var<S, D> x, adapter::Site site, Var<S, D> inner) {
    if (!acts_at({site, block}) && weights.list.bias_of(site) < 0) return linear(inner, weight(site), stream);
    return add(stream, adapt(block, x, project(site, inner)));
  }
};

}}}  // namespace neutra::NEUTRA_ABI::nn
