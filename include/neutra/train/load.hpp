/// Loading a model with its tokenizer and, optionally, an adapter.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/nn/adapter_file.hpp"
#include "neutra/nn/model_folder.hpp"
#include "neutra/train/corpus.hpp"

#include <memory>
#include <system_error>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

struct LoadedModel {
  std::unique_ptr<Model> model;
  std::shared_ptr<const data::Tokenizer> tokenizer;
};

/// Error: a folder, or a PEFT or mlx-lm adapter, in place of an adapter file of this library.
inline void refuse_other_adapters(const io::Path& path) {
  std::error_code error;
  const bool folder = std::filesystem::is_directory(path, error);
  const io::Path home = folder ? path : path.parent_path();
  const bool ours = !folder && io::is_there(io::Path(path).replace_extension(".json"));
  require(ours || !io::is_there(home / "adapter_config.json"), path.string(),
          ": must be an adapter written by neutra, got one of PEFT or mlx-lm; merge it into its model "
          "(merge_and_unload() or mlx_lm.fuse) and give that as --model");
  require(!folder, path.string(), ": must be a file NAME.safetensors, got a folder; name ",
          io::is_there(path / "adapter.safetensors") ? "adapter.safetensors" : "the file", " in it");
}

/// Error: an adapter with more weights in this model than the file holds. Checked before memory is allocated for them.
inline void check_weights(const io::Path& path, const nn::AdapterFile& file, const adapter::Description& here,
                          const adapter::Sizes& sizes) {
  const auto weights = io::Safetensors::open(path);
  Index held = 0;
  for (const auto& entry : weights.entries()) held += entry.shape.size();
  require(here.weights <= held, path.string(), ": the adapter has ", here.weights, " weights in this model (dim ",
          sizes.dim, ", ", sizes.layers, " layers), the file has only ", held, "; it was made for dim ",
          file.base.config.dim, ", ", file.base.config.layers,
          " layers: load that model, or copy JSON and weights from the same save");
}

/// Error: a policy has options in this program that the file does not mention. It might compute another function.
inline void check_policy_options(const io::Path& path, const Settings& saved, const Settings& here) {
  for (const auto& [key, setting] : here)
    require(saved.contains(key) || key.find('.') == key.npos, path.string(), ": was saved without ", key,
            ", but here it has ", key, " = ", text_of(setting), "; load it in a program with the same options");
}

/// The adapter that a file describes. Error: what this program does not know; the message names the file.
inline Adapter adapter_of(const io::Path& path, const adapter::Description& saved, const adapter::Registry& registry) {
  try {
    return registry.make(saved.kind, saved.settings);
  } catch (const SettingError& error) {
    fail(path.string(), ": ", error.what());
  }
}

/// A model on a backbone that other models may share, with the adapter of a file, or without one if the path is empty.
/// Errors: those of the files; an adapter for another base.
inline std::unique_ptr<Model> load_adapter(const std::shared_ptr<const Backbone>& backbone,
                                           const data::Tokenizer& tokenizer, const io::Path& path,
                                           const adapter::Registry& registry) {
  if (path.empty()) return std::make_unique<Model>(backbone, adapter::None{});
  refuse_other_adapters(path);
  const auto file = nn::read_adapter_json(path);
  const Adapter adapter = adapter_of(path, file.description, registry);
  const auto sizes = backbone->config().sizes();
  check_weights(path, file, adapter.describe(sizes), sizes);
  check_policy_options(path, file.description.settings, adapter.settings());
  auto model = std::make_unique<Model>(backbone, adapter);
  nn::load_adapter_weights(path, model->parameters(), nn::base_of(*backbone, tokenizer_sha256(tokenizer)));
  return model;
}

/// Loads a model folder and, unless the path is empty, an adapter for it. Errors: as load_adapter; a tokenizer with
/// more tokens than the model.
inline LoadedModel load_model(const io::Path& folder, const io::Path& adapter_path, const adapter::Registry& registry,
                              const nn::Use<float>& use = {}) {
  if (!adapter_path.empty()) refuse_other_adapters(adapter_path);
  LoadedModel loaded{nullptr, tokenizer_of(folder)};  // before the weights, which take long to load
  const auto backbone = nn::load_model<float, DefaultDevice>(folder, use);
  require(backbone->config().vocabulary >= loaded.tokenizer->vocab(), folder.string(), ": the tokenizer has ",
          loaded.tokenizer->vocab(), " tokens, the model only ", backbone->config().vocabulary,
          "; use the tokenizer it was trained with");
  loaded.model = load_adapter(backbone, *loaded.tokenizer, adapter_path, registry);
  return loaded;
}

}}}  // namespace neutra::NEUTRA_ABI::train
