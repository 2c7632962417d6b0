/// The weights of a backbone that a model trains.
#pragma once

#include "neutra/optim/start_values.hpp"
#include "neutra/train/model.hpp"

#include <memory>
#include <set>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// A thawed weight that is trained, and its value in the backbone.
struct TrainedWeight {
  nn::Weight weight;
  Parameter<float, DefaultDevice>& parameter;
  const Frozen<float, DefaultDevice>& start;

  optim::StartedFrom<float, DefaultDevice> started() const { return {parameter, start}; }
};

/// In the order of the backbone, without those that the optimizer leaves out. Error: none.
inline std::vector<TrainedWeight> trained_backbone(const Model& model, std::string_view what) {
  std::vector<TrainedWeight> all;
  const auto& thawed = model.thawed_weights();
  for (std::size_t i = 0; i < thawed.size(); ++i)
    if (thawed[i] && thawed[i]->trained)
      all.push_back({model.backbone()->list().at(static_cast<Index>(i)), *thawed[i], model.backbone()->weights()[i]});
  require(!all.empty(), what, ": needs trained weights of the backbone, got none; use it with finetuning");
  return all;
}

/// A new model of the backbone without an adapter, in which the same weights are trained.
inline std::unique_ptr<Model> untrained(const Model& model, const std::vector<TrainedWeight>& weights) {
  std::set<std::string_view> names;
  for (const TrainedWeight& one : weights) names.insert(one.weight.name);
  auto start = std::make_unique<Model>(model.backbone(), adapter::None{});
  start->thaw([&](const nn::Weight& weight) { return names.contains(weight.name); });
  return start;
}

}}}  // namespace neutra::NEUTRA_ABI::train
