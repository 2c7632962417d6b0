/// Gemma 3, the text model.      Gemma Team 2025, arXiv 2503.19786
#pragma once

#include "neutra/nn/gemma_like.hpp"

#include <array>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace family {

/// A Gemma 2 with a norm over each head of the queries and keys in place of a cap of scores, and a window in five of
/// six layers, whose RoPE has a base of its own and no scaling.
struct Gemma3 : GemmaLike<Gemma3> {
  static constexpr std::string_view name = "gemma3_text";
  static constexpr const char* architecture = "Gemma3ForCausalLM";
  static constexpr std::array<std::string_view, 7> settings = {
      "embedding_scale", "attention_bias", "query_pre_attn_scalar", "logit_cap", "window", "windowed", "window_theta"};

  static void complete(Config& config, std::string& faults) {
    if (!(config.numbers.try_emplace("window_theta", 10000.0).first->second > 0))
      faults += concat("; window_theta must be positive, got ", config.numbers["window_theta"]);
    GemmaLike<Gemma3>::complete(config, faults);
  }
  static LlamaParts parts(const Config& c) {
    LlamaParts parts = gemma2_parts(c);
    parts.query_norm = LlamaParts::QueryNorm::head;
    parts.window_theta = c.numbers.at("window_theta");
    return parts;
  }

  /// Defaults: those of read_llama, but query_pre_attn_scalar 256, sliding_window 4096, rope_theta 1e6 and, for layers
  /// with a window, rope_local_base_freq 10000; every sliding_window_pattern-th (6th) layer has no window.
  /// Error: a cap of scores; a scaling of RoPE in layers with a window; rope_parameters that are not by type of layer.
  template <class Reader> static Config read(const Reader& file) {
    if (file.has("attn_logit_softcapping"))
      fail(file.what(), ": attn_logit_softcapping must be null, got ", file.number("attn_logit_softcapping"),
           "; transformers does not apply it in this family");
    const double window_theta = read_window_theta(file);
    auto json = file.json();
    if (file.has("rope_parameters")) json["rope_parameters"] = of_full_layers(file);
    Config config = read_gemma(Reader(json, file.what()), gemma2_defaults(1e6, 131072));
    config.numbers["window_theta"] = window_theta;
    read_cap(file, config, "final_logit_softcapping", "logit_cap", 0);
    const Index pattern = file.integer("sliding_window_pattern", 6, 1, Limits::layers);
    read_scores(file, config, [pattern](Index layer) { return (layer + 1) % pattern != 0; });
    return config;
  }
  template <class Json> static Json write(const Config& config) {
    Json json = write_gemma2<Json>(config);
    json["rope_local_base_freq"] = config.numbers.at("window_theta");
    return json;
  }

 private:
  /// rope_parameters of the layers without a window, as transformers 5 nests them by type of layer.
  template <class Reader> static auto of_full_layers(const Reader& file) {
    const Reader rope = file.object("rope_parameters");
    require(rope.has("full_attention") || rope.has("sliding_attention"), file.what(),
            ": rope_parameters must have an object for full_attention and one for sliding_attention");
    auto full = rope.json();
    full.clear();
    return rope.has("full_attention") ? rope.value("full_attention") : full;
  }
  template <class Reader> static double read_window_theta(const Reader& file) {
    double theta = file.number("rope_local_base_freq", 10000.0);
    if (file.has("rope_parameters") && file.object("rope_parameters").has("sliding_attention")) {
      const Reader rope = file.object("rope_parameters").object("sliding_attention");
      const std::string kind = rope.text("rope_type", "default");
      require(kind == "default", file.what(),
              ": rope_parameters.sliding_attention.rope_type must be \"default\", got \"", io::printable(kind),
              "\"; scaled RoPE is not supported in layers with a window");
      const double inner = rope.number("rope_theta", theta);
      require(!file.has("rope_local_base_freq") || inner == theta, file.what(), ": rope_local_base_freq (", theta,
              ") and rope_parameters.sliding_attention.rope_theta (", inner, ") must agree; remove the wrong one");
      theta = inner;
    }
    require(theta > 0, file.what(), ": rope_local_base_freq must be positive, got ", theta);
    return theta;
  }
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::family
