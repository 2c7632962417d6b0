/// Gemma.      Gemma Team 2024, arXiv 2403.08295
#pragma once

#include "neutra/nn/gemma_like.hpp"

#include <array>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace family {

/// The first Gemma. Its head is tied as a rule, and head_dim is a size of its own.
struct Gemma : GemmaLike<Gemma> {
  static constexpr std::string_view name = "gemma";
  static constexpr const char* architecture = "GemmaForCausalLM";
  static constexpr std::array<std::string_view, 2> settings = {"embedding_scale", "attention_bias"};

  static LlamaParts parts(const Config& c) { return gemma_parts(c); }

  /// hidden_act "gelu" means the tanh form, as in transformers: the first files say so by mistake.
  /// Error: a hidden_activation that differs; attention in both directions.
  template <class Reader> static Config read(const Reader& file) {
    Config config =
        read_gemma(file, {.context = 8192, .tied = true, .activation = "gelu_pytorch_tanh", .head_width = 256});
    std::string& activation = config.choices["activation"];
    if (activation == "gelu") activation = "gelu_pytorch_tanh";
    const std::string other = file.text("hidden_activation", activation);
    require(activation_named(other) == activation_named(activation), file.what(), ": hidden_act (", activation,
            ") and hidden_activation (", io::printable(other), ") must agree; remove the wrong one");
    return config;
  }
  template <class Json> static Json write(const Config& config) {
    Json json = write_gemma<Json>(config, "hidden_act");
    json["hidden_activation"] = json["hidden_act"];
    return json;
  }
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::family
