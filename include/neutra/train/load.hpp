/// Loading a model with its tokenizer and, optionally, an adapter.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/nn/adapter_file.hpp"
#include "neutra/nn/model_folder.hpp"
#include "neutra/train/corpus.hpp"
#include "neutra/train/saved_adapter.hpp"

#include <memory>
#include <optional>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

struct LoadedModel {
  std::unique_ptr<Model> model;
  std::shared_ptr<const data::Tokenizer> tokenizer;
};

/// Loads a model folder and, unless the path is empty, an adapter for it. Errors: those of the files; an adapter for
/// another base; a tokenizer with more tokens than the model.
inline LoadedModel load_model(const io::Path& folder, const io::Path& adapter_path, const adapter::Registry& registry,
                              const nn::Use<float>& use = {}) {
  std::optional<SavedAdapter> saved;
  if (!adapter_path.empty()) saved = saved_adapter(adapter_path, registry);
  LoadedModel loaded{nullptr, tokenizer_of(folder)};  // before the weights, which take long to load
  const auto backbone = nn::load_model<float, DefaultDevice>(folder, use);
  require(backbone->config().vocabulary >= loaded.tokenizer->vocab(), folder.string(), ": the tokenizer has ",
          loaded.tokenizer->vocab(), " tokens, the model only ", backbone->config().vocabulary,
          "; use the tokenizer it was trained with");
  if (!saved) {
    loaded.model = std::make_unique<Model>(backbone, adapter::None{});
    return loaded;
  }
  check_weights(*saved, backbone->config().sizes());
  loaded.model = std::make_unique<Model>(backbone, saved->adapter);
  nn::load_adapter_weights(adapter_path, loaded.model->parameters(),
                           nn::base_of(*backbone, tokenizer_sha256(*loaded.tokenizer)));
  return loaded;
}

}}}  // namespace neutra::NEUTRA_ABI::train
