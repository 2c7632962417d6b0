/// The identity of a base model.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/sha256.hpp"
#include "neutra/nn/backbone.hpp"
#include "neutra/nn/host.hpp"

#include <algorithm>
#include <deque>
#include <future>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// What decides the function of a model besides its weights: lines of "name=value".
inline std::string function_text(const Config& config) {
  std::string text;
  visit_function(config, [&](const char* name, const auto& value) { text += concat(name, '=', value, '\n'); });
  return text;
}

namespace detail {

/// Rows first .. first + count - 1 of a weight, in host memory.
template <Scalar S, Backend D>
void read_floats(const Frozen<S, D>& weight, Index first, Index count, std::vector<float>& into) {
  Tensor<S, D> rows({count, weight.shape().cols()});
  weight.read(rows.view(), first);
  std::deque<Tensor<S>> copies;
  const View<const S> values = on_host(rows, copies);
  into.assign(values.data, values.data + values.size());
}

}  // namespace detail

/// SHA-256 in 64 hexadecimal digits, equal for a model loaded in float and in double. Its input:
///   1. the configuration (see visit_function): each value as "name=value" and a line feed
///   2. the weights in the order of the backbone: each as its name, a zero byte, its shape as in "(8,64)", a zero byte,
///      and its values as little-endian float32
/// One thread hashes a block of rows while the others unpack the next: SHA-256 itself cannot be computed in parallel.
template <Scalar S, Backend D> std::string fingerprint(const Backbone<S, D>& backbone) {
  using namespace std::string_view_literals;
  constexpr Index most = Index{1} << 22;  // elements of a block
  io::Sha256 sum;
  sum.update(function_text(backbone.config()));
  std::vector<float> blocks[2];
  std::future<void> hashing;  // after what it uses, so that it ends first
  int next = 0;
  for (const auto& weight : backbone.weights()) {
    const Index rows = weight.shape().rows(), cols = weight.shape().cols(),
                step = std::max<Index>(1, most / std::max<Index>(cols, 1));
    std::string before = concat(weight.name, "\0"sv, weight.shape(), "\0"sv);
    for (Index first = 0; first < rows; first += step, next = 1 - next) {
      detail::read_floats(weight, first, std::min(step, rows - first), blocks[next]);
      if (hashing.valid()) hashing.get();
      hashing = std::async(std::launch::async, [&sum, &block = blocks[next], text = std::exchange(before, {})] {
        sum.update(text);
        sum.update({reinterpret_cast<const char*>(block.data()), block.size() * sizeof(float)});
      });
    }
  }
  if (hashing.valid()) hashing.get();
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
