/// Qwen3.      Yang et al. 2025, arXiv 2505.09388
#pragma once

#include "neutra/nn/llama_blocks.hpp"

#include <array>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace family {

/// A llama with a norm over each head of the queries and keys; the head width is its own.
struct Qwen3 : LlamaLike<Qwen3> {
  static constexpr std::string_view name = "qwen3";
  static constexpr const char* architecture = "Qwen3ForCausalLM";
  static constexpr std::array<std::string_view, 3> settings = {"window", "windowed", "attention_bias"};

  static LlamaParts parts(const Config& c) {
    const bool biased = flagged(c, "attention_bias");
    return {.query_norm = LlamaParts::QueryNorm::head,
            .qkv_bias = biased,
            .o_bias = biased,
            .activation = activation_of(c)};
  }
  template <class Reader> static Config read(const Reader& file) {
    refuse_partial_rotation(file);
    Config config = read_llama(file, {.context = 32768, .head_width = 128});
    read_flag(file, config, "attention_bias");
    read_upper_windows(file, config);
    return config;
  }
  template <class Json> static Json write(const Config& config) {
    Json json = write_llama<Json>(config);
    json["attention_bias"] = flagged(config, "attention_bias");
    write_upper_windows(config, json);
    return json;
  }
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::family
