/// Gemma.      Gemma Team 2024, arXiv 2403.08295
#pragma once

#include "neutra/nn/llama_blocks.hpp"

#include <array>
#include <cmath>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace family {

/// A llama whose norms multiply by 1 + w, whose embedding is scaled, and whose FFN has GELU in its tanh form. The head
/// is tied as a rule, and head_dim is a size of its own.
struct Gemma : LlamaLike<Gemma> {
  static constexpr std::string_view name = "gemma";
  static constexpr const char* architecture = "GemmaForCausalLM";
  static constexpr std::array<std::string_view, 2> settings = {"embedding_scale", "attention_bias"};

  static void complete(Config& config, std::string& faults) {
    config.choices.try_emplace("activation", "gelu_pytorch_tanh");
    config.numbers.try_emplace("embedding_scale", std::sqrt(static_cast<double>(config.dim)));
    LlamaLike<Gemma>::complete(config, faults);
  }
  static LlamaParts parts(const Config& c) {
    const bool biased = flagged(c, "attention_bias");
    return {.qkv_bias = biased,
            .o_bias = biased,
            .norm_offset = 1,
            .embedding_scale = c.numbers.at("embedding_scale"),
            .activation = activation_of(c)};
  }
  /// hidden_act "gelu" means the tanh form, as in transformers: the first files say so by mistake.
  /// Error: a hidden_activation that differs; attention in both directions.
  template <class Reader> static Config read(const Reader& file) {
    refuse_partial_rotation(file);
    refuse_flag(file, "use_bidirectional_attention");
    Config config =
        read_llama(file, {.context = 8192, .tied = true, .activation = "gelu_pytorch_tanh", .head_width = 256});
    std::string& activation = config.choices["activation"];
    if (activation.empty()) activation = "silu";
    if (activation == "gelu") activation = "gelu_pytorch_tanh";
    const std::string other = file.text("hidden_activation", activation);
    require(activation_named(other) == activation_named(activation), file.what(), ": hidden_act (", activation,
            ") and hidden_activation (", io::printable(other), ") must agree; remove the wrong one");
    config.numbers["embedding_scale"] = read_embedding_scale(file, config.dim);
    read_flag(file, config, "attention_bias");
    return config;
  }
  template <class Json> static Json write(const Config& config) {
    Json json = write_llama<Json>(config);
    json["attention_bias"] = flagged(config, "attention_bias");
    json["hidden_activation"] = json["hidden_act"];
    json["neutra_embedding_scale"] = config.numbers.at("embedding_scale");
    return json;
  }
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::family
