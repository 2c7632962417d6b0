/// The identity of a base model.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/sha256.hpp"
#include "neutra/nn/backbone.hpp"
#include "neutra/nn/host.hpp"

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// SHA-256 in 64 hexadecimal digits, equal for a model loaded in float and in double. Its input:
///   1. the configuration (see visit_function): each value as "name=value" and a line feed
///   2. the weights in the order of the backbone: each as its name, a zero byte, its shape as in "(8,64)", a zero byte,
///      and its values as little-endian float32
template <Scalar S, Backend D> std::string fingerprint(const Backbone<S, D>& backbone) {
  using namespace std::string_view_literals;
  io::Sha256 sum;
  visit_function(backbone.config(),
                 [&](const char* name, const auto& value) { sum.update(concat(name, '=', value, '\n')); });
  std::vector<float> block(1 << 14);
  for (const auto& weight : backbone.weights()) {
    std::deque<Tensor<S>> copies;
    const View<const S> values = on_host(weight, copies);
    sum.update(concat(weight.name, "\0"sv, values.shape, "\0"sv));
    for (Index first = 0; first < values.size(); first += static_cast<Index>(block.size())) {
      const Index count = std::min<Index>(values.size() - first, static_cast<Index>(block.size()));
      std::transform(values.data + first, values.data + first + count, block.begin(),
                     [](S value) { return static_cast<float>(value); });
      sum.update({reinterpret_cast<const char*>(block.data()), static_cast<std::size_t>(count) * sizeof(float)});
    }
  }
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
