/// SmolLM3.      Hugging Face 2025, huggingface.co/blog/smollm3; layers without RoPE: Yang et al. 2025, arXiv
/// 2501.18795
#pragma once

#include "neutra/nn/llama_blocks.hpp"

#include <array>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace family {

/// A llama in which some layers do not rotate queries and keys.
struct SmolLm3 : LlamaLike<SmolLm3> {
  static constexpr std::string_view name = "smollm3";
  static constexpr const char* architecture = "SmolLM3ForCausalLM";
  static constexpr std::array<std::string_view, 5> settings = {"rotated", "window", "windowed", "attention_bias",
                                                               "mlp_bias"};

  static void complete(Config& config, std::string& faults) {
    config.by_layer.try_emplace("rotated", every_nth_still(config.layers, 4));
    LlamaLike<SmolLm3>::complete(config, faults);
  }
  static LlamaParts parts(const Config& c) {
    const bool biased = flagged(c, "attention_bias");
    return {.qkv_bias = biased, .o_bias = biased, .mlp_bias = flagged(c, "mlp_bias"), .activation = activation_of(c)};
  }
  /// no_rope_layers names, despite its name, the layers with RoPE by 1; without it, every no_rope_layer_interval-th
  /// (4th) layer has none. Layers without RoPE have the window if use_sliding_window and layer_types is absent.
  /// Error: a number of entries other than that of layers.
  template <class Reader> static Config read(const Reader& file) {
    refuse_partial_rotation(file);
    Config config = read_llama(file, {.theta = 2e6, .context = 32768, .tied = true});
    for (const char* bias : {"attention_bias", "mlp_bias"}) read_flag(file, config, bias);
    std::string& rotated = config.by_layer["rotated"];
    rotated = every_nth_still(config.layers, file.integer("no_rope_layer_interval", 4, 1, Limits::layers));
    if (file.has("no_rope_layers")) {
      rotated.clear();
      for (const Index flag : file.integers("no_rope_layers", 0, 1)) rotated += flag == 1 ? '1' : '0';
      require(static_cast<Index>(rotated.size()) == config.layers, file.what(), ": no_rope_layers must have ",
              config.layers, " entries (num_hidden_layers), got ", rotated.size());
    }
    if (file.flag("use_sliding_window", false) && file.has("sliding_window"))
      read_windows(file, config, file.integer("sliding_window", {}, 1, Limits::context),
                   [&](Index layer) { return rotated[static_cast<std::size_t>(layer)] == '0'; });
    return config;
  }
  template <class Json> static Json write(const Config& config) {
    Json json = write_llama<Json>(config);
    for (const char* bias : {"attention_bias", "mlp_bias"}) json[bias] = flagged(config, bias);
    json["no_rope_layers"] = Json::array();
    for (const char digit : config.by_layer.at("rotated")) json["no_rope_layers"].push_back(digit == '1' ? 1 : 0);
    json["use_sliding_window"] = config.by_layer.contains("windowed");
    json["sliding_window"] = window_json<Json>(config);
    json["layer_types"] = layer_types<Json>(config);
    return json;
  }

 private:
  static std::string every_nth_still(Index layers, Index interval) {
    std::string digits;
    for (Index layer = 0; layer < layers; ++layer) digits += (layer + 1) % interval == 0 ? '0' : '1';
    return digits;
  }
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::family
