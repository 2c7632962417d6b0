/// The identity of a base model.
#pragma once

#include "neutra/nn/backbone.hpp"
#include "neutra/nn/fingerprint_sum.hpp"

#include <memory>
#include <string>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// See FingerprintSum. That of a quantised backbone is that of the model it was made from, to which its adapters
/// belong.
template <Scalar S, Backend D> std::string fingerprint(const Backbone<S, D>& backbone) {
  if (const auto& of_source = backbone.source_fingerprint()) return of_source();
  FingerprintSum sum(backbone.config());
  for (const auto& weight : backbone.weights()) sum.add(weight.name, weight);
  return sum.hex();
}

/// A backbone whose weights are read from files. Its fingerprint is that of what the files hold: if it is quantised,
/// they are read again when somebody asks for it. source: owns what it reads, and is called again then.
template <Scalar S, Backend D>
std::shared_ptr<const Backbone<S, D>> backbone_of(Config config, const typename Backbone<S, D>::Source& source,
                                                  const Use<S>& use,
                                                  typename Backbone<S, D>::Documents documents = {}) {
  config.complete();
  typename Backbone<S, D>::Fingerprint of_source;
  if (use.base && use.purpose != Purpose::finetuning) {
    of_source = [config, source] {
      FingerprintSum sum(config);
      const WeightList list = weight_list(config);
      for (Index index = 0; index < list.count(); ++index) sum.add(list.at(index).name, source(list.at(index)));
      return sum.hex();
    };
  }
  return std::make_shared<const Backbone<S, D>>(std::move(config), source, use, std::move(documents),
                                                std::move(of_source));
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
