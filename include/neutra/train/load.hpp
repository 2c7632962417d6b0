/// A model with its tokenizer and, if one is named, an adapter, from files.
#pragma once

#include "neutra/nn/adapter_file.hpp"
#include "neutra/nn/families/llama.hpp"
#include "neutra/nn/fingerprint.hpp"
#include "neutra/train/corpus.hpp"
#include "neutra/train/program.hpp"

namespace neutra::inline NEUTRA_ABI::train {

struct LoadedModel {
  std::unique_ptr<Model> model;
  std::shared_ptr<const data::Tokenizer> tokenizer;
};

/// A llama folder and, unless empty, an adapter made for it. Errors: those of the files; an adapter for another base; a tokenizer larger than the model.
inline LoadedModel load_model(const Path& folder, const Path& adapter_path, const Registry& registry) {
  const auto backbone = nn::load_llama<float, Cpu>(folder);
  LoadedModel loaded{nullptr, tokenizer_of(folder)};
  require(backbone->config().vocabulary >= loaded.tokenizer->vocab(), folder.string(), ": the tokenizer has ", loaded.tokenizer->vocab(), " tokens, the model only ",
          backbone->config().vocabulary, "; use the tokenizer it was trained with");
  if (adapter_path.empty()) {
    loaded.model = std::make_unique<Model>(backbone, adapter::None{});
    return loaded;
  }
  const auto file = nn::read_adapter_json(adapter_path);
  loaded.model = std::make_unique<Model>(backbone, registry.make(file.description));
  nn::load_adapter_weights(adapter_path, loaded.model->parameters(), backbone->config().sizes(), nn::fingerprint(*backbone));
  return loaded;
}

}  // namespace neutra::inline NEUTRA_ABI::train
