/// Loading a model with its tokenizer and, optionally, an adapter.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/nn/adapter_file.hpp"
#include "neutra/train/model_form.hpp"
#include "neutra/train/saved_adapter.hpp"

#include <memory>
#include <optional>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

struct LoadedModel {
  std::unique_ptr<Model> model;
  std::shared_ptr<const data::Tokenizer> tokenizer;
};

/// A model on a backbone that other models may share, with a saved adapter. Error: an adapter for another base.
inline std::unique_ptr<Model> load_adapter(const std::shared_ptr<const Backbone>& backbone,
                                           const data::Tokenizer& tokenizer, const SavedAdapter& saved) {
  return load_adapter(backbone, saved, [&] { return nn::base_of(*backbone, tokenizer_sha256(tokenizer)); });
}
/// The same of a file, or a model without adapter if the path is empty. Errors: those of the file.
inline std::unique_ptr<Model> load_adapter(const std::shared_ptr<const Backbone>& backbone,
                                           const data::Tokenizer& tokenizer, const io::Path& path,
                                           const adapter::Registry& registry) {
  if (path.empty()) return std::make_unique<Model>(backbone, adapter::None{});
  return load_adapter(backbone, tokenizer, saved_adapter(path, registry));
}

/// Loads a model by load_backbone and, unless the path is empty, an adapter for it. Errors: as load_adapter; a
/// tokenizer with more tokens than the model.
inline LoadedModel load_model(const io::Path& path, const io::Path& adapter_path, const adapter::Registry& registry,
                              const nn::Use<float>& use = {}) {
  std::optional<SavedAdapter> saved;
  if (!adapter_path.empty()) saved = saved_adapter(adapter_path, registry);
  LoadedModel loaded{nullptr, tokenizer_of(path)};  // before the weights, which take long to load
  const auto backbone = load_backbone(path, use);
  require(backbone->config().vocabulary >= loaded.tokenizer->vocab(), path.string(), ": the tokenizer has ",
          loaded.tokenizer->vocab(), " tokens, the model only ", backbone->config().vocabulary,
          "; use the tokenizer it was trained with");
  loaded.model =
      saved ? load_adapter(backbone, *loaded.tokenizer, *saved) : std::make_unique<Model>(backbone, adapter::None{});
  return loaded;
}

}}}  // namespace neutra::NEUTRA_ABI::train
