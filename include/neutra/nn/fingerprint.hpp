/// The identity of a base model.
#pragma once

#include "neutra/nn/backbone.hpp"
#include "neutra/nn/fingerprint_sum.hpp"

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
