/// A deeper backbone: copies of layers that at first change nothing.      Wu et al. 2024 (LLaMA Pro), arXiv 2401.02415
#pragma once

#include "neutra/adapter/adapter.hpp"
#include "neutra/nn/backbone.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// A backbone with copied layers, and which those are.
template <Scalar S, Backend D> struct Grown {
  std::shared_ptr<const Backbone<S, D>> backbone;
  std::vector<Index> copies;  // layers of `backbone`, in order

  /// Whether a weight is one of a copy:  model.thaw([&](const nn::Weight& weight) { return grown.copied(weight); });
  bool copied(const Weight& weight) const { return std::binary_search(copies.begin(), copies.end(), weight.layer); }
};

/// Inserts after each of the `layers` of `from` a copy of it. In a copy all weights that write to the residual stream
/// are zero: it returns its input, and the model has the logits of `from`.
/// layers: counted from 0, in any order      use: of the new backbone
/// Error: no layers; one that does not exist, or is given twice.
template <Scalar S, Backend D>
Grown<S, D> with_copied_layers(const Backbone<S, D>& from, std::vector<Index> layers, const Use<S>& use = {}) {
  require(!layers.empty(), "with_copied_layers: at least one layer must be copied, got none");
  std::sort(layers.begin(), layers.end());
  Config config = from.config();
  for (std::size_t i = 0; i < layers.size(); ++i)
    require(layers[i] >= 0 && layers[i] < config.layers && (i == 0 || layers[i] != layers[i - 1]),
            "with_copied_layers: each layer must be a number from 0 to ", config.layers - 1, ", given once, got ",
            layers[i], i > 0 && layers[i] == layers[i - 1] ? " twice" : "");
  std::vector<Index> sources;  // for each layer of the result, the layer of `from` that it is, or is a copy of
  std::vector<Index> copies;
  for (Index layer = 0; layer < config.layers; ++layer) {
    sources.push_back(layer);
    if (!std::binary_search(layers.begin(), layers.end(), layer)) continue;
    copies.push_back(static_cast<Index>(sources.size()));
    sources.push_back(layer);
  }
  config.layers = static_cast<Index>(sources.size());
  for (auto& [name, digits] : config.by_layer) {
    std::string grown;
    for (const Index layer : sources) grown += digits[static_cast<std::size_t>(layer)];
    digits = grown;
  }
  const WeightList& list = from.list();
  const Index in_layers = config.layers * list.per_layer();
  const auto source = [&, next = Index{0}](const Weight& weight) mutable -> Tensor<S, D> {
    const Index here = next++;
    const bool copied = std::binary_search(copies.begin(), copies.end(), weight.layer);
    if (copied && weight.kind.to_stream) return adapter::constant_tensor<S, D>(weight.kind.shape, 0);
    const Index there = weight.layer < 0 ? list.index_of_all(here - in_layers)
                                         : list.index_in_layer(here % list.per_layer(),
                                                               sources[static_cast<std::size_t>(weight.layer)]);
    return from.weights()[static_cast<std::size_t>(there)].copy();
  };
  return {std::make_shared<const Backbone<S, D>>(config, source, use, from.documents()), copies};
}

}}}  // namespace neutra::NEUTRA_ABI::nn
