/// The identity of a base model.
#pragma once

#include "neutra/nn/backbone.hpp"
#include "neutra/nn/fingerprint_sum.hpp"

#include <future>
#include <memory>
#include <string>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// See FingerprintSum. That of a quantised backbone is that of the model it was made from, to which its adapters
/// belong.
template <Scalar S, Backend D> std::string fingerprint(const Backbone<S, D>& backbone) {
  if (!backbone.source_fingerprint().empty()) return backbone.source_fingerprint();
  FingerprintSum sum(backbone.config());
  for (const auto& weight : backbone.weights()) sum.add(weight.name, weight);
  return sum.hex();
}

/// A backbone whose weights are read from files. If it is quantised, `source` is kept, and read a second time if its
/// fingerprint is asked for.
template <Scalar S, Backend D>
std::shared_ptr<const Backbone<S, D>> backbone_of(Config config, const typename Backbone<S, D>::Source& source,
                                                  const Use<S>& use,
                                                  typename Backbone<S, D>::Documents documents = {}) {
  const auto backbone = std::make_shared<Backbone<S, D>>(std::move(config), source, use, std::move(documents));
  if (!use.base || use.purpose == Purpose::finetuning) return backbone;
  const auto sum_up = [config = backbone->config(), list = backbone->list(), source] {
    FingerprintSum sum(config);
    for (Index index = 0; index < list.count(); ++index) {
      const Weight weight = list.at(index);
      sum.add(weight.name, source(weight));
    }
    return sum.hex();
  };
  backbone->note_source_fingerprint([once = std::async(std::launch::deferred, sum_up).share()] { return once.get(); });
  return backbone;
}

/// The identity of a base model, which its adapters and runs record.
struct Base {
  Config config;
  std::string fingerprint;  // of configuration and weights
  // SHA-256 of tokenizer.model, or of the empty string for the byte tokenizer; empty if the tokenizer is unknown.
  std::string tokenizer;
};

template <Scalar S, Backend D> Base base_of(const Backbone<S, D>& backbone, std::string tokenizer = {}) {
  return {backbone.config(), fingerprint(backbone), std::move(tokenizer)};
}

}}}  // namespace neutra::NEUTRA_ABI::nn
