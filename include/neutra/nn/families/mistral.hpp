/// Mistral.      Jiang et al. 2023, arXiv 2310.06825
#pragma once

#include "neutra/nn/llama_blocks.hpp"

#include <array>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace family {

/// A llama in which a token reads the last `sliding_window` tokens.
struct Mistral : LlamaLike<Mistral> {
  static constexpr std::string_view name = "mistral";
  static constexpr const char* architecture = "MistralForCausalLM";
  static constexpr std::array<std::string_view, 2> settings = {"window", "windowed"};

  static LlamaParts parts(const Config& c) { return {.activation = activation_of(c)}; }

  /// Defaults: those of read_llama, but num_key_value_heads 8, max_position_embeddings 131072 and sliding_window 4096
  /// where the key is absent; null turns the window off.
  template <class Reader> static Config read(const Reader& file) {
    refuse_partial_rotation(file);
    Config config = read_llama(file, {.context = 131072, .kv_heads = 8});
    const bool none = says_no_window(file);
    const Index window = none ? 0 : file.integer("sliding_window", 4096, 1, Limits::context);
    if (!none) window_everywhere(config, window);
    return config;
  }
  template <class Json> static Json write(const Config& config) {
    Json json = write_llama<Json>(config);
    json["sliding_window"] = window_json<Json>(config);
    return json;
  }
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::family
