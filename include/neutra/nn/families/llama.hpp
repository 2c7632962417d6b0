/// Llama-style decoders.      Touvron et al. 2023, arXiv 2302.13971
#pragma once

#include "neutra/nn/llama_blocks.hpp"

#include <array>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace family {

/// RMS norms, RoPE, gated units, grouped-query attention; the head width is a setting. Biases of q, k, v and o, and of
/// the FFN's three matrices, where a file says so.
struct Llama : LlamaLike<Llama> {
  static constexpr std::string_view name = "llama";
  static constexpr const char* architecture = "LlamaForCausalLM";
  static constexpr std::array<std::string_view, 2> settings = {"attention_bias", "mlp_bias"};

  static LlamaParts parts(const Config& c) {
    const bool biased = flagged(c, "attention_bias");
    return {.qkv_bias = biased, .o_bias = biased, .mlp_bias = flagged(c, "mlp_bias"), .activation = activation_of(c)};
  }
  /// Defaults: see read_llama.
  template <class Reader> static Config read(const Reader& file) {
    refuse_partial_rotation(file);
    Config config = read_llama(file, {});
    for (const char* bias : {"attention_bias", "mlp_bias"}) read_flag(file, config, bias);
    return config;
  }
  template <class Json> static Json write(const Config& config) {
    Json json = write_llama<Json>(config);
    for (const char* bias : {"attention_bias", "mlp_bias"}) json[bias] = flagged(config, bias);
    return json;
  }
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::family
