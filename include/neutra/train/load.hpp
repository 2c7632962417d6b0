/// Loading a model with its tokenizer and, optionally, an adapter.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/nn/adapter_file.hpp"
#include "neutra/nn/model_folder.hpp"
#include "neutra/train/corpus.hpp"

#include <algorithm>
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

/// Error: a width or rank that no weight tensor has; an adapter with more weights in this model than the file holds.
/// Checked before memory is allocated for them.
inline void check_units(const io::Path& path, const nn::AdapterFile& file, const Adapter& adapter,
                        const adapter::Sizes& sizes) {
  const auto weights = io::Safetensors::open(path);
  for (const Index units : {file.description.width, file.description.rank}) {
    const auto has = [&](const auto& entry) {
      return entry.shape.rank() == 2 && entry.shape.size() > 0 && (entry.shape[0] == units || entry.shape[1] == units);
    };
    require(units == 0 || std::any_of(weights.entries().begin(), weights.entries().end(), has), path.string(),
            ": no tensor has the width or rank of ", units,
            " in the JSON beside it; copy both files from the same save");
  }
  Index held = 0;
  for (const auto& entry : weights.entries()) held += entry.shape.size();
  const Index wanted = adapter.describe(sizes).weights;
  require(wanted <= held, path.string(), ": the adapter has ", wanted, " weights in this model (dim ", sizes.dim, ", ",
          sizes.layers, " layers), the file has only ", held, "; it was made for dim ", file.base.config.dim, ", ",
          file.base.config.layers, " layers: load that model, or copy JSON and weights from the same save");
}

/// Error: the adapter was trained with other options of its gate or body than this program's policy has.
/// It would compute another function.
inline void check_options(const io::Path& adapter_path, std::string_view family, const std::string& name,
                          const PolicyOptions& saved, const PolicyOptions& here) {
  const auto shown = [](const PolicyOptions& options) {
    std::string text;
    for (const auto& [option, value] : options) text += concat(text.empty() ? "" : ", ", option, " = ", value);
    return text.empty() ? std::string("no options") : text;
  };
  require(saved == here, adapter_path.string(), ": the ", family, " ", name, " was trained with ", shown(saved),
          ", but here it has ", shown(here), "; load it in a program with the same options");
}

/// Loads a model folder and, unless the path is empty, an adapter for it. Errors: those of the files; an adapter for
/// another base; a tokenizer with more tokens than the model.
inline LoadedModel load_model(const io::Path& folder, const io::Path& adapter_path, const adapter::Registry& registry,
                              const nn::Use<float>& use = {}) {
  if (!adapter_path.empty()) refuse_other_adapters(adapter_path);
  LoadedModel loaded{nullptr, tokenizer_of(folder)};  // before the weights, which take long to load
  const auto backbone = nn::load_model<float, DefaultDevice>(folder, use);
  require(backbone->config().vocabulary >= loaded.tokenizer->vocab(), folder.string(), ": the tokenizer has ",
          loaded.tokenizer->vocab(), " tokens, the model only ", backbone->config().vocabulary,
          "; use the tokenizer it was trained with");
  if (adapter_path.empty()) {
    loaded.model = std::make_unique<Model>(backbone, adapter::None{});
    return loaded;
  }
  const auto file = nn::read_adapter_json(adapter_path);
  const Adapter adapter = registry.make(file.description, adapter_path.string());
  const auto sizes = backbone->config().sizes();
  check_units(adapter_path, file, adapter, sizes);
  const adapter::Description here = adapter.describe(sizes);
  check_options(adapter_path, "gate", here.gate, file.description.gate_options, here.gate_options);
  check_options(adapter_path, "body", here.body, file.description.body_options, here.body_options);
  loaded.model = std::make_unique<Model>(backbone, adapter);
  nn::load_adapter_weights(adapter_path, loaded.model->parameters(),
                           nn::base_of(*backbone, tokenizer_sha256(*loaded.tokenizer)));
  return loaded;
}

}}}  // namespace neutra::NEUTRA_ABI::train
