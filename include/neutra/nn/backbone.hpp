/// The weights of a model: never changed, shared by all methods of a run.
#pragma once

#include "neutra/autodiff/parameter.hpp"
#include "neutra/core/random.hpp"
#include "neutra/nn/config.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// A frozen llama. Methods of a run hold it through std::shared_ptr<const Backbone>; what trains is a copy (see
/// Transformer).
template <Scalar S, Backend D> class Backbone {
 public:
  /// Each weight is asked for once, by slot, layer and name, and must come in the shape that the configuration says.
  using Source = std::function<Tensor<S, D>(Slot, Index layer, const std::string& name, const Shape&)>;

  /// Small files that lay beside the weights, by name: what they say goes with a saved model (see save_llama).
  using Documents = std::map<std::string, std::string>;

  Backbone(Config config, const Source& source, Documents documents = {})
      : config_(std::move(config)), documents_(std::move(documents)) {
    config_.complete();
    for (Index layer = 0; layer < config_.layers; ++layer)
      for (Index slot = 0; slot < layer_slots; ++slot) load(static_cast<Slot>(slot), layer, source);
    load(Slot::embedding, 0, source);
    load(Slot::final_norm, 0, source);
    if (!config_.tied) load(Slot::head, 0, source);
  }

  /// Fresh weights for pretraining: normal with deviation 0.02, those that write to the residual stream divided by
  /// sqrt(2 L), norms one. Radford et al. 2019 (GPT-2), section 2.3
  static std::shared_ptr<const Backbone> random(const Config& config, std::uint64_t seed) {
    return std::make_shared<const Backbone>(config, [&](Slot slot, Index, const std::string& name, const Shape& shape) {
      const bool norm = shape.rank() == 1, writes = slot == Slot::o || slot == Slot::down;
      const double deviation = writes ? 0.02 / std::sqrt(2.0 * static_cast<double>(config.layers)) : 0.02;
      const Philox draw(seed, name);
      std::vector<S> values(static_cast<std::size_t>(shape.size()));
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = norm ? S(1) : static_cast<S>(deviation * draw.normal(0, i));
      Tensor<S, D> tensor(shape);
      D::template upload<S>(std::span<const S>(values), tensor.data());
      return tensor;
    });
  }

  const Config& config() const { return config_; }
  const Documents& documents() const { return documents_; }
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
    weights_.emplace_back(name, std::move(value));
  }
  Config config_;
  Documents documents_;
  std::deque<Frozen<S, D>> weights_;
};

}}}  // namespace neutra::NEUTRA_ABI::nn
