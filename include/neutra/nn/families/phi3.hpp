/// Phi-3 and Phi-4.      Abdin et al. 2024, arXiv 2404.14219
#pragma once

#include "neutra/nn/llama_blocks.hpp"

#include <array>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace family {

/// A llama whose files hold q, k and v in one tensor, and gate and up in another. RoPE may rotate a part of each head.
struct Phi3 : LlamaLike<Phi3> {
  static constexpr std::string_view name = "phi3";
  static constexpr const char* architecture = "Phi3ForCausalLM";
  static constexpr std::array<std::string_view, 3> settings = {"window", "windowed", "rotated_share"};

  static LlamaParts parts(const Config& c) { return {.fused = true, .activation = activation_of(c)}; }

  /// Error: a share of each head that is not an even number of its elements.
  template <class Reader> static Config read(const Reader& file) {
    Config config = read_llama(file, {.context = 4096, .epsilon = 1e-5});
    read_rotated(file, config);
    if (file.has("sliding_window")) window_everywhere(config, file.integer("sliding_window", {}, 1, Limits::context));
    return config;
  }
  template <class Json> static Json write(const Config& config) {
    Json json = write_llama<Json>(config);
    json["sliding_window"] = window_json<Json>(config);
    write_rotated(config, json);
    return json;
  }
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::family
