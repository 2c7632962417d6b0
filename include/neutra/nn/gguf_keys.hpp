/// The keys of a GGUF file that holds a llama, and the refusal of those that hold something else.
///     github.com/ggml-org/llama.cpp, llama-arch.cpp
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/utf8.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace detail {

/// The keys of a llama that are read or say nothing about what it computes, behind "llama.".
inline constexpr std::array<std::string_view, 21> gguf_llama_keys = {"vocab_size",
                                                                     "context_length",
                                                                     "embedding_length",
                                                                     "block_count",
                                                                     "feed_forward_length",
                                                                     "use_parallel_residual",
                                                                     "tensor_data_layout",
                                                                     "expert_count",
                                                                     "expert_used_count",
                                                                     "attention.head_count",
                                                                     "attention.head_count_kv",
                                                                     "attention.layer_norm_rms_epsilon",
                                                                     "attention.key_length",
                                                                     "attention.value_length",
                                                                     "rope.dimension_count",
                                                                     "rope.freq_base",
                                                                     "rope.scaling.type",
                                                                     "rope.scaling.factor",
                                                                     "rope.scaling.original_context_length",
                                                                     "rope.scaling.finetuned",
                                                                     "rope.scale_linear"};

/// The message for a file of a model that is not supported in this form.      keys: those of the file, under its name
inline std::string gguf_unsupported(const io::Reader& keys, std::string_view what) {
  return concat(keys.what(), ": ", what, "; take the model's safetensors folder, if its family is supported");
}

/// A number under a key. Error: not positive and finite.
inline double gguf_positive(const io::Reader& keys, const char* key, std::optional<double> fallback = {}) {
  const double value = keys.number(key, fallback);
  require(value > 0 && std::isfinite(value), keys.what(), ": ", key, " must be positive, got ", value);
  return value;
}

/// Error: other architectures, adapters, parts of a model, and keys of a llama that ask for what it does not have.
inline void check_gguf_llama(const io::Reader& keys) {
  const std::string architecture = keys.text("general.architecture"), kind = keys.text("general.type", "model");
  require(kind == "model",
          gguf_unsupported(keys, concat("general.type must be \"model\", got \"", io::printable(kind), '"')));
  require(architecture == "llama", gguf_unsupported(keys, concat("general.architecture must be \"llama\", got \"",
                                                                 io::printable(architecture), '"')));
  require(keys.integer("split.count", 1) <= 1, keys.what(), ": must be a whole model, got one of ",
          keys.integer("split.count", 1), " files; join them with llama-gguf-split --merge");
  for (const auto& member : keys.json().items()) {
    const std::string_view key = member.key();
    if (key.starts_with("llama.") &&
        std::find(gguf_llama_keys.begin(), gguf_llama_keys.end(), key.substr(6)) == gguf_llama_keys.end())
      fail(gguf_unsupported(keys, concat("the key ", io::printable(key), " is not supported")));
  }
  require(keys.integer("llama.expert_count", 0) == 0, gguf_unsupported(keys, "mixtures of experts are not supported"));
  require(!keys.flag("llama.use_parallel_residual", false),
          gguf_unsupported(keys, "parallel residuals are not supported"));
}

}}}}  // namespace neutra::NEUTRA_ABI::nn::detail
