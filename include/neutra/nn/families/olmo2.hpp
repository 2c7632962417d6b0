/// OLMo 2.      OLMo Team 2024, arXiv 2501.00656
#pragma once

#include "neutra/nn/llama_blocks.hpp"

#include <array>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace family {

/// A llama whose norms follow attention and FFN, with norms over all queries and over all keys of a token.
struct Olmo2 : LlamaLike<Olmo2> {
  static constexpr std::string_view name = "olmo2";
  static constexpr const char* architecture = "Olmo2ForCausalLM";
  static constexpr std::array<std::string_view, 1> settings = {"attention_bias"};

  static LlamaParts parts(const Config& c) {
    const bool biased = flagged(c, "attention_bias");
    return {.norms = LlamaParts::Norms::after,
            .query_norm = LlamaParts::QueryNorm::all,
            .qkv_bias = biased,
            .o_bias = biased,
            .activation = activation_of(c)};
  }
  template <class Reader> static Config read(const Reader& file) {
    refuse_partial_rotation(file);
    Config config = read_llama(file, {.epsilon = 1e-5});
    read_flag(file, config, "attention_bias");
    return config;
  }
  template <class Json> static Json write(const Config& config) {
    Json json = write_llama<Json>(config);
    json["attention_bias"] = flagged(config, "attention_bias");
    return json;
  }
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::family
