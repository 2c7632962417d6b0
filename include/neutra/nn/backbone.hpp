/// The weights of a model: never changed, shared by all methods of a run.
#pragma once

#include "neutra/autodiff/frozen.hpp"
#include "neutra/core/random.hpp"
#include "neutra/nn/config.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// What a backbone is for, and so which forms its weights are packed in: none, where a copy trains (see
/// Transformer::thaw); those of logits; those of losses; those of losses and the walk back.
enum class Purpose { finetuning, generation, evaluation, training };

/// What a backbone is for, and the precision of the steps it serves: what matmul inputs are rounded to, those of
/// products with weights and those of attention, forward and back; sums are of S. What lies between two products and is
/// read by no adapter is then stored so: gated units, queries, keys, values and attention's result, and their
/// gradients. The residual stream, gate logits, the weights that train, their gradients and the optimizer's moments
/// stay of S.
template <Scalar S> struct Use {
  Purpose purpose = Purpose::training;
  DType precision = dtype_of<S>;
};

/// A frozen llama, packed for its use when it is made and const from then on: threads may share it. Methods of a run
/// hold it through std::shared_ptr<const Backbone>; what trains is a copy (see Transformer).
template <Scalar S, Backend D> class Backbone {
 public:
  /// Each weight is asked for once, by slot, layer and name, and must come in the shape that the configuration says.
  using Source = std::function<Tensor<S, D>(Slot, Index layer, const std::string& name, const Shape&)>;

  /// Small files that lay beside the weights, by name: what they say goes with a saved model (see save_llama).
  using Documents = std::map<std::string, std::string>;

  Backbone(Config config, const Source& source, const Use<S>& use = {}, Documents documents = {})
      : config_(std::move(config)), documents_(std::move(documents)), use_(use) {
    config_.complete();
    for (Index layer = 0; layer < config_.layers; ++layer)
      for (Index slot = 0; slot < layer_slots; ++slot) load(static_cast<Slot>(slot), layer, source);
    load(Slot::embedding, 0, source);
    load(Slot::final_norm, 0, source);
    if (!config_.tied) load(Slot::head, 0, source);
  }

  /// Fresh weights for pretraining: normal with deviation 0.02, those that write to the residual stream divided by
  /// sqrt(2 L), norms one. Radford et al. 2019 (GPT-2), section 2.3
  static std::shared_ptr<const Backbone> random(const Config& config, std::uint64_t seed, const Use<S>& use = {}) {
    const auto draw_weight = [&](Slot slot, Index, const std::string& name, const Shape& shape) {
      const bool norm = shape.rank() == 1, writes = slot == Slot::o || slot == Slot::down;
      const double deviation = writes ? 0.02 / std::sqrt(2.0 * static_cast<double>(config.layers)) : 0.02;
      const Philox draw(seed, name);
      std::vector<S> values(static_cast<std::size_t>(shape.size()));
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = norm ? S(1) : static_cast<S>(deviation * draw.normal(0, i));
      Tensor<S, D> tensor(shape);
      D::template upload<S>(std::span<const S>(values), tensor.data());
      return tensor;
    };
    return std::make_shared<const Backbone>(config, draw_weight, use);
  }

  const Config& config() const { return config_; }
  const Documents& documents() const { return documents_; }
  const Use<S>& use() const { return use_; }
  /// In a fixed order: layer by layer, then embedding, final norm, head (unless tied).
  const std::deque<Frozen<S, D>>& weights() const { return weights_; }
  std::size_t index(Slot slot, Index layer) const {
    if (static_cast<Index>(slot) < layer_slots)
      return static_cast<std::size_t>(layer * layer_slots + static_cast<Index>(slot));
    if (slot == Slot::head && config_.tied) slot = Slot::embedding;
    return static_cast<std::size_t>(config_.layers * layer_slots + static_cast<Index>(slot) - layer_slots);
  }
  const Frozen<S, D>& weight(Slot slot, Index layer) const { return weights_[index(slot, layer)]; }
  /// All weights, embedding and head included.
  Index count() const {
    Index total = 0;
    for (const auto& weight : weights_) total += weight.shape().size();
    return total;
  }

 private:
  void load(Slot slot, Index layer, const Source& source) {
    const std::string name = name_of(slot, layer);
    const Shape shape = shape_of(config_, slot);
    Tensor<S, D> value = source(slot, layer, name, shape);
    require(value.shape() == shape, "backbone: ", name, " must be ", shape, ", got ", value.shape());
    weights_.emplace_back(name, std::move(value), forms(slot, layer, shape), use_.precision);
  }
  /// The embedding is looked up by rows, and a loss reads rows of the head. Below a residue beside the first FFN
  /// nothing is walked back: where it is, the first layer is packed anew in each step.
  Forms forms(Slot slot, Index layer, const Shape& shape) const {
    const bool head = slot == Slot::head || (slot == Slot::embedding && config_.tied);
    if (shape.rank() != 2 || use_.purpose == Purpose::finetuning || (slot == Slot::embedding && !head))
      return {.rows = true};
    const bool training = use_.purpose == Purpose::training;
    if (!head) return {.forward = true, .backward = training && layer > 0};
    const bool loss = use_.purpose != Purpose::generation;
    return {.forward = true, .backward = training, .in_parts = loss, .rows = slot == Slot::embedding};
  }
  Config config_;
  Documents documents_;
  Use<S> use_;
  std::deque<Frozen<S, D>> weights_;
};

}}}  // namespace neutra::NEUTRA_ABI::nn
