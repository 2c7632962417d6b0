/// Loading a model with its tokenizer and, optionally, adapters.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/nn/adapter_file.hpp"
#include "neutra/train/model_form.hpp"
#include "neutra/train/several_adapters.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

struct LoadedModel {
  std::unique_ptr<Model> model;
  std::shared_ptr<const data::Tokenizer> tokenizer;
};

/// Gives the fingerprint of a backbone. It takes a pass over the weights, and is asked only if an adapter needs it.
using Fingerprint = std::function<std::string(const Backbone&)>;

/// Loads a model by load_backbone, and adapters for it. Errors: as load_adapters; a tokenizer with more tokens than the
/// model.
inline LoadedModel load_model(const io::Path& path, const std::vector<SavedAdapter>& adapters,
                              const nn::Use<float>& use = {},
                              const Fingerprint& fingerprint = nn::fingerprint<float, DefaultDevice>) {
  check_together(adapters);
  LoadedModel loaded{nullptr, tokenizer_of(path)};  // before the weights, which take long to load
  const auto backbone = load_backbone(path, use);
  require(backbone->config().vocabulary >= loaded.tokenizer->vocab(), path.string(), ": the tokenizer has ",
          loaded.tokenizer->vocab(), " tokens, the model only ", backbone->config().vocabulary,
          "; use the tokenizer it was trained with");
  loaded.model = load_adapters(backbone, adapters, [&] {
    return nn::Base{backbone->config(), fingerprint(*backbone), tokenizer_sha256(*loaded.tokenizer)};
  });
  return loaded;
}
/// The same with one adapter, or none if its path is empty. Errors: those of its file.
inline LoadedModel load_model(const io::Path& path, const io::Path& adapter_path, const adapter::Registry& registry,
                              const nn::Use<float>& use = {}) {
  std::vector<SavedAdapter> saved;
  if (!adapter_path.empty()) saved.push_back(saved_adapter(adapter_path, registry));
  return load_model(path, saved, use);
}

}}}  // namespace neutra::NEUTRA_ABI::train
