/// Trainable copies of some layers of the frozen model.
#pragma once

#include "neutra/adapter/adapter.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// How many layers are copied: `blocks`, or, if that is 0, as many as come nearest to `capacity` of the block weights.
/// Error: none, or more than there are; `what` begins the message.
inline Index copied_layers(Index blocks, double capacity, const Sizes& sizes, std::string_view what) {
  require(blocks >= 0 && blocks <= sizes.layers, what, ": the number of copied blocks must be from 1 to ", sizes.layers,
          ", the layers of the model (or 0, to follow from the capacity), got ", blocks);
  if (blocks > 0) return blocks;
  const double half = 0.5 * static_cast<double>(sizes.layer_weights) / static_cast<double>(sizes.block_weights());
  require(!(capacity > 0) || capacity >= half, what, ": a capacity of ", capacity,
          " is less than half of a layer; raise it to at least ", rounded_up(half), ", or give blocks=1");
  const Index count = units_for(capacity, 0, sizes.layer_weights, sizes.block_weights(), 1, what);
  require(count <= sizes.layers, what, ": a capacity of ", capacity, " is more than a copy of each of the ",
          sizes.layers, " layers; lower it to at most 1");
  return count;
}

/// `count` copies. The layers form that many groups of nearly equal size, of which the last layer each is copied, as in
/// LLaMA Pro. Parameters are called adapter.LAYER.copy.NAME.
template <Scalar S, Backend D> class LayerCopies {
 public:
  /// silent: the weights that write to the residual stream start at zero, so that a copy returns its input.
  LayerCopies(std::shared_ptr<BaseModel<S, D>> base, const Sizes& sizes, Index count, bool silent)
      : base_(std::move(base)), first_(static_cast<std::size_t>(sizes.layers), -1) {
    for (Index copy = 0; copy < count; ++copy) {
      const Index layer = (copy + 1) * sizes.layers / count - 1;
      first_[static_cast<std::size_t>(layer)] = static_cast<Index>(parameters_.size());
      const std::vector<LayerWeight<S, D>> weights = base_->layer(layer);
      per_layer_ = weights.size();
      for (const LayerWeight<S, D>& weight : weights) {
        const std::string name = concat("adapter.", layer, ".copy.", weight.name);
        const bool zero = silent && weight.to_stream;
        parameters_.emplace_back(name, zero ? constant_tensor<S, D>(weight.value.shape(), 0) : weight.value.copy());
      }
    }
    for (auto& parameter : parameters_) all_.push_back(&parameter);
  }

  const std::vector<Parameter<S, D>*>& parameters() const { return all_; }
  bool has(Index layer) const { return first_[static_cast<std::size_t>(layer)] >= 0; }
  /// The copy of a layer that has one.      x, result: (N,d), the residual stream
  Var<S, D> run(Index layer, Var<S, D> x, Pass<S, D>& pass) {
    const auto first = static_cast<std::size_t>(first_[static_cast<std::size_t>(layer)]);
    return base_->block(layer, std::span<Parameter<S, D>* const>(all_).subspan(first, per_layer_), x, pass);
  }

 private:
  std::shared_ptr<BaseModel<S, D>> base_;
  std::vector<Index> first_;  // by layer: the place in all_ of its copy's first weight, or -1
  std::size_t per_layer_ = 0;
  std::deque<Parameter<S, D>> parameters_;
  std::vector<Parameter<S, D>*> all_;
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
