/// A model with its tokenizer and, if one is named, an adapter, from files.
#pragma once

#include "neutra/nn/adapter_file.hpp"
#include "neutra/nn/families/llama.hpp"
#include "neutra/train/corpus.hpp"
#include "neutra/train/program.hpp"

#include <algorithm>
#include <memory>

namespace neutra::inline NEUTRA_ABI::train {

struct LoadedModel {
  std::unique_ptr<Model> model;
  std::shared_ptr<const data::Tokenizer> tokenizer;
};

/// Error: a width or rank that no tensor of the weights has; found before memory is taken for it.
inline void check_units(const Path& adapter_path, const adapter::Description& description) {
  const auto weights = io::Safetensors::open(adapter_path);
  for (const Index units : {description.width, description.rank}) {
    const auto has = [&](const auto& entry) { return entry.shape.rank() == 2 && (entry.shape[0] == units || entry.shape[1] == units); };
    require(units == 0 || std::any_of(weights.entries().begin(), weights.entries().end(), has), adapter_path.string(),
            ": no tensor has the width or rank of ", units, " that the JSON beside it names; bring both from one saving");
  }
}

/// Error: a gate that this program has with other options than the adapter was trained with; it would be another function.
inline void check_gate_options(const Path& adapter_path, const std::map<std::string, double>& saved, const adapter::Description& here) {
  const auto shown = [](const std::map<std::string, double>& options) {
    std::string text;
    for (const auto& [name, value] : options) text += concat(text.empty() ? "" : ", ", name, " = ", value);
    return text.empty() ? std::string("no options") : text;
  };
  require(saved == here.gate_options, adapter_path.string(), ": the gate ", here.gate, " was saved with ", shown(saved),
          ", this program has it with ", shown(here.gate_options), "; load it in a program whose gate has the same");
}

/// A llama folder and, unless empty, an adapter made for it. Errors: those of the files; an adapter for another base; a tokenizer larger than the
/// model.
inline LoadedModel load_model(const Path& folder, const Path& adapter_path, const Registry& registry) {
  const auto backbone = nn::load_llama<float, Cpu>(folder);
  LoadedModel loaded{nullptr, tokenizer_of(folder)};
  require(backbone->config().vocabulary >= loaded.tokenizer->vocab(), folder.string(), ": the tokenizer has ", loaded.tokenizer->vocab(),
          " tokens, the model only ", backbone->config().vocabulary, "; use the tokenizer it was trained with");
  if (adapter_path.empty()) {
    loaded.model = std::make_unique<Model>(backbone, adapter::None{});
    return loaded;
  }
  const auto file = nn::read_adapter_json(adapter_path);
  check_units(adapter_path, file.description);
  const Adapter adapter = registry.make(file.description, adapter_path.string());
  check_gate_options(adapter_path, file.description.gate_options, adapter.describe(backbone->config().sizes()));
  loaded.model = std::make_unique<Model>(backbone, adapter);
  nn::load_adapter_weights(adapter_path, loaded.model->parameters(), nn::base_of(*backbone, tokenizer_sha256(*loaded.tokenizer)));
  return loaded;
}

}  // namespace neutra::inline NEUTRA_ABI::train
