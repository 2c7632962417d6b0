/// What the Gemma families share.
#pragma once

#include "neutra/nn/llama_blocks.hpp"

#include <cmath>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// A llama whose norms multiply by 1 + w, whose embedding is scaled, and whose FFN has GELU in its tanh form: what a
/// Gemma in families/ derives from. F has the members that LlamaLike asks for; embedding_scale and attention_bias are
/// among its settings.
template <class F> struct GemmaLike : LlamaLike<F> {
  static void complete(Config& config, std::string& faults) {
    config.choices.try_emplace("activation", "gelu_pytorch_tanh");
    config.numbers.try_emplace("embedding_scale", std::sqrt(static_cast<double>(config.dim)));
    if (GemmaLike::has_setting("query_pre_attn_scalar"))
      config.numbers.try_emplace("query_pre_attn_scalar", static_cast<double>(config.head_width));
    LlamaLike<F>::complete(config, faults);
  }

 protected:
  static LlamaParts gemma_parts(const Config& c) {
    const bool biased = flagged(c, "attention_bias");
    return {.qkv_bias = biased,
            .o_bias = biased,
            .norm_offset = 1,
            .embedding_scale = c.numbers.at("embedding_scale"),
            .activation = activation_of(c)};
  }
  /// Those of Gemma 2 and 3 with the settings query_pre_attn_scalar, attention_cap and logit_cap: norms of what
  /// attention and FFN return too, scores scaled by query_pre_attn_scalar^-0.5, caps of scores and logits.
  static LlamaParts gemma2_parts(const Config& c) {
    LlamaParts parts = gemma_parts(c);
    parts.norms = LlamaParts::Norms::around;
    parts.score_scale = 1 / std::sqrt(c.numbers.at("query_pre_attn_scalar"));
    parts.score_cap = detail::setting(c, "attention_cap");
    parts.logit_cap = detail::setting(c, "logit_cap");
    return parts;
  }

  /// The defaults of Gemma 2 and 3.
  static constexpr LlamaDefaults gemma2_defaults(double theta, Index context) {
    return {.theta = theta,
            .context = context,
            .tied = true,
            .activation_key = "hidden_activation",
            .activation = "gelu_pytorch_tanh",
            .head_width = 256,
            .kv_heads = 4};
  }

  /// Error: attention in both directions; RoPE of a part of each head.
  template <class Reader> static Config read_gemma(const Reader& file, const LlamaDefaults& defaults) {
    refuse_partial_rotation(file);
    refuse_flag(file, "use_bidirectional_attention");
    Config config = read_llama(file, defaults);
    config.numbers["embedding_scale"] = read_embedding_scale(file, config.dim);
    read_flag(file, config, "attention_bias");
    return config;
  }
  template <class Json> static Json write_gemma(const Config& config, const char* activation_key) {
    Json json = write_llama<Json>(config, activation_key);
    json["attention_bias"] = flagged(config, "attention_bias");
    json["neutra_embedding_scale"] = config.numbers.at("embedding_scale");
    return json;
  }
  /// Reads a soft cap as a setting that is absent if the key is null. fallback: where the key is absent; 0: none.
  /// Error: a cap that is not positive.
  template <class Reader>
  static void read_cap(const Reader& file, Config& config, const char* key, const char* setting, double fallback) {
    if (!file.has(key) && (file.json().contains(key) || fallback == 0)) return;
    const double cap = file.number(key, fallback);
    require(cap > 0, file.what(), ": ", key, " must be positive, or null for none, got ", cap);
    config.numbers[setting] = cap;
  }
  template <class Json> static Json cap_json(const Config& config, const char* setting) {
    if (!config.numbers.contains(setting)) return nullptr;
    return config.numbers.at(setting);
  }
  /// Reads the scale of scores, and windows as layer_types names them; without that key, where `windowed` accepts.
  template <class Reader, class Windowed>
  static void read_scores(const Reader& file, Config& config, const Windowed& windowed) {
    config.numbers["query_pre_attn_scalar"] =
        static_cast<double>(file.integer("query_pre_attn_scalar", 256, 1, Limits::width));
    require(!says_no_window(file), file.what(), ": sliding_window must be a number of tokens, got null");
    read_windows(file, config, file.integer("sliding_window", 4096, 1, Limits::context), windowed);
  }
  /// The keys that Gemma 2 and 3 have.
  template <class Json> static Json write_gemma2(const Config& config) {
    Json json = write_gemma<Json>(config, "hidden_activation");
    json["final_logit_softcapping"] = cap_json<Json>(config, "logit_cap");
    json["query_pre_attn_scalar"] = static_cast<Index>(config.numbers.at("query_pre_attn_scalar"));
    json["layer_types"] = layer_types<Json>(config);
    if (config.numbers.contains("window")) json["sliding_window"] = window_json<Json>(config);
    return json;
  }
};

}}}  // namespace neutra::NEUTRA_ABI::nn
