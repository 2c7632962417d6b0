/// A model with its tokenizer and, if one is named, an adapter, from files.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/nn/adapter_file.hpp"
#include "neutra/nn/families/llama.hpp"
#include "neutra/train/corpus.hpp"

#include <algorithm>
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

/// Error: a width or rank that no tensor of the weights has; an adapter that has more weights in the model at hand than
/// the file holds. Found before memory is taken for them.
inline void check_units(const io::Path& path, const nn::AdapterFile& file, const Adapter& adapter,
                        const adapter::Sizes& sizes) {
  const auto weights = io::Safetensors::open(path);
  for (const Index units : {file.description.width, file.description.rank}) {
    const auto has = [&](const auto& entry) {
      return entry.shape.rank() == 2 && entry.shape.size() > 0 && (entry.shape[0] == units || entry.shape[1] == units);
    };
    require(units == 0 || std::any_of(weights.entries().begin(), weights.entries().end(), has), path.string(),
            ": no tensor has the width or rank of ", units,
            " that the JSON beside it names; bring both from one saving");
  }
  Index held = 0;
  for (const auto& entry : weights.entries()) held += entry.shape.size();
  const Index wanted = adapter.describe(sizes).weights;
  require(wanted <= held, path.string(), ": the adapter has ", wanted, " weights in this model (dim ", sizes.dim, ", ",
          sizes.layers, " layers), the file holds only ", held, "; it was made for dim ", file.base.config.dim, ", ",
          file.base.config.layers, " layers: load that model, or bring JSON and weights from one saving");
}

/// Error: a gate or body that this program has with other options than the adapter was trained with; it would be
/// another function.
inline void check_options(const io::Path& adapter_path, std::string_view family, const std::string& name,
                          const PolicyOptions& saved, const PolicyOptions& here) {
  const auto shown = [](const PolicyOptions& options) {
    std::string text;
    for (const auto& [name, value] : options) text += concat(text.empty() ? "" : ", ", name, " = ", value);
    return text.empty() ? std::string("no options") : text;
  };
  require(saved == here, adapter_path.string(), ": the ", family, " ", name, " was saved with ", shown(saved),
          ", this program has it with ", shown(here), "; load it in a program whose ", family, " has the same");
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
