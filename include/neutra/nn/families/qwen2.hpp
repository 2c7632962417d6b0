/// Qwen2 and Qwen2.5.      Yang et al. 2024, arXiv 2407.10671
#pragma once

#include "neutra/nn/llama_blocks.hpp"

#include <array>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace family {

/// A llama with biases of q, k and v, which no key announces. Layers may have a window.
struct Qwen2 : LlamaLike<Qwen2> {
  static constexpr std::string_view name = "qwen2";
  static constexpr const char* architecture = "Qwen2ForCausalLM";
  static constexpr std::array<std::string_view, 2> settings = {"window", "windowed"};

  static LlamaParts parts(const Config& c) { return {.qkv_bias = true, .activation = activation_of(c)}; }

  template <class Reader> static Config read(const Reader& file) {
    refuse_partial_rotation(file);
    Config config = read_llama(file, {.context = 32768});
    read_upper_windows(file, config);
    return config;
  }
  template <class Json> static Json write(const Config& config) {
    Json json = write_llama<Json>(config);
    write_upper_windows(config, json);
    return json;
  }
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::family
