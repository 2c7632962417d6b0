/// What runs start from: a backbone, and the adapter of a model that is extended already.
#pragma once

#include "neutra/adapter/any_list.hpp"
#include "neutra/io/sealed.hpp"
#include "neutra/nn/fingerprint.hpp"
#include "neutra/nn/model_folder.hpp"
#include "neutra/study/choice.hpp"
#include "neutra/study/method.hpp"
#include "neutra/train/saved_adapter.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// A model that is to be extended, with its scores.
struct Start {
  std::shared_ptr<const train::Backbone> backbone{};
  nn::Base base{};                                                // of the backbone
  std::optional<adapter::Fixed<float, DefaultDevice>> adapter{};  // of a model that is extended already
  std::string sha256{};  // of the file of that adapter, or of a model that a run left; empty for a mere backbone
  std::vector<std::string> trained_on{};  // what a new adapter is trained on top of (nn::AdapterFile)
  // Before any run: on the tuning and the validation texts, and in bits per byte of each further text.
  Scores tuning{}, valid{};
  std::map<std::string, double> further{};

  /// The adapter of the model as it is.
  train::Adapter as_it_is() const { return adapter ? train::Adapter(*adapter) : train::Adapter(adapter::None{}); }
  /// That of the model with a new adapter, which alone is trained.
  train::Adapter with(const train::Adapter& added) const {
    if (!adapter) return added;
    return adapter::AnyList<float, DefaultDevice>{{*adapter, added}};
  }
  /// Adds a saved adapter. Error: as train::load_fixed.
  void add(const train::SavedAdapter& saved) {
    adapter = train::load_fixed(saved, backbone, base);
    sha256 = saved.sha256();
    trained_on = saved.file.trained_on;
    trained_on.push_back(sha256);
  }
};

/// The weights that a run left in its folder, whose hash is the identity of what starts from them.
inline io::Path weights_in(const io::Path& folder, Trains trains) {
  return folder / (trains == Trains::model ? "model/model.safetensors" : "adapter.safetensors");
}

/// The model that a run of a method left in its folder. from: what the run started from. Error: damaged files.
inline Start model_left_by(const Start& from, const Method& method, const io::Path& folder) {
  const io::Path weights = weights_in(folder, method.trains);
  Start model{.backbone = from.backbone, .base = from.base};
  if (method.trains == Trains::model) {
    model.backbone = nn::load_model<float, DefaultDevice>(folder / "model", from.backbone->use());
    model.base = nn::base_of(*model.backbone, from.base.tokenizer);
    model.sha256 = io::file_sha256(weights);
  } else {
    model.add({weights, nn::read_adapter_json(weights), from.with(method.adapter)});
  }
  return model;
}

}}}  // namespace neutra::NEUTRA_ABI::study
