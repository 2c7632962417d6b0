/// A model with its tokenizer and, if one is named, an adapter, from files.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/nn/adapter_file.hpp"
#include "neutra/nn/families/llama.hpp"
#include "neutra/train/corpus.hpp"

#include <memory>
#include <system_error>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

struct LoadedModel {
  std::unique_ptr<Model> model;
  std::shared_ptr<const data::Tokenizer> tokenizer;
};

/// Error: a folder, or an adapter of PEFT or mlx-lm, where a file of this library is asked for.
inline void refuse_other_adapters(const io::Path& path) {
  std::error_code error;
  const bool folder = std::filesystem::is_directory(path, error);
  const io::Path home = folder ? path : path.parent_path();
  const bool ours = !folder && io::is_there(io::Path(path).replace_extension(".json"));
  require(ours || !io::is_there(home / "adapter_config.json"), path.string(),
          ": must be an adapter written by neutra, got one of PEFT or mlx-lm; merge it into its model "
          "(merge_and_unload() or mlx_lm.fuse) and give "
          "that as --model");
  require(!folder, path.string(), ": must be a file NAME.safetensors, got a folder; name ",
          io::is_there(path / "adapter.safetensors") ? "adapter.safetensors" : "the file", " in it");
}

/// Error: an adapter that has more weights in the model at hand than the file holds. Found before memory is taken for
/// them.
inline void check_weights(const io::Path& path, const nn::AdapterFile& file, const adapter::Description& here,
                          const adapter::Sizes& sizes) {
  const auto weights = io::Safetensors::open(path);
  Index held = 0;
  for (const auto& entry : weights.entries()) held += entry.shape.size();
  require(here.weights <= held, path.string(), ": the adapter has ", here.weights, " weights in this model (dim ",
          sizes.dim, ", ", sizes.layers, " layers), the file holds only ", held, "; it was made for dim ",
          file.base.config.dim, ", ", file.base.config.layers,
          " layers: load that model, or bring JSON and weights from one saving");
}

/// Error: a policy that has options in this program of which the file does not tell; it might be another function.
inline void check_policy_options(const io::Path& path, const Settings& saved, const Settings& here) {
  for (const auto& [key, setting] : here)
    require(saved.contains(key) || key.find('.') == key.npos, path.string(), ": was saved without ", key,
            ", which this program has as ", text_of(setting),
            "; load it in a program whose policies have the options that they had");
}

/// The adapter that a file speaks of. Error: what this program does not know, by the file.
inline Adapter adapter_of(const io::Path& path, const adapter::Description& saved, const adapter::Registry& registry) {
  try {
    return registry.make(saved.kind, saved.settings);
  } catch (const SettingError& error) {
    fail(path.string(), ": ", error.what());
  }
}

/// A llama folder and, unless empty, an adapter made for it. Errors: those of the files; an adapter for another base; a
/// tokenizer larger than the model.
inline LoadedModel load_model(const io::Path& folder, const io::Path& adapter_path, const adapter::Registry& registry) {
  if (!adapter_path.empty()) refuse_other_adapters(adapter_path);
  LoadedModel loaded{nullptr, tokenizer_of(folder)};  // before the weights, which take long
  const auto backbone = nn::load_llama<float, Cpu>(folder);
  require(backbone->config().vocabulary >= loaded.tokenizer->vocab(), folder.string(), ": the tokenizer has ",
          loaded.tokenizer->vocab(), " tokens, the model only ", backbone->config().vocabulary,
          "; use the tokenizer it was trained with");
  if (adapter_path.empty()) {
    loaded.model = std::make_unique<Model>(backbone, adapter::None{});
    return loaded;
  }
  const auto file = nn::read_adapter_json(adapter_path);
  const Adapter adapter = adapter_of(adapter_path, file.description, registry);
  const auto sizes = backbone->config().sizes();
  check_weights(adapter_path, file, adapter.describe(sizes), sizes);
  check_policy_options(adapter_path, file.description.settings, adapter.settings());
  loaded.model = std::make_unique<Model>(backbone, adapter);
  nn::load_adapter_weights(adapter_path, loaded.model->parameters(),
                           nn::base_of(*backbone, tokenizer_sha256(*loaded.tokenizer)));
  return loaded;
}

}}}  // namespace neutra::NEUTRA_ABI::train
