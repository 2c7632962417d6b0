/// Gemma 2.      Gemma Team 2024, arXiv 2408.00118
#pragma once

#include "neutra/nn/gemma_like.hpp"

#include <array>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace family {

/// A Gemma with norms around attention and FFN, soft caps of scores and logits, a scale of scores that does not depend
/// on the head width, and a window in every other layer, the first included.
struct Gemma2 : GemmaLike<Gemma2> {
  static constexpr std::string_view name = "gemma2";
  static constexpr const char* architecture = "Gemma2ForCausalLM";
  static constexpr std::array<std::string_view, 7> settings = {
      "embedding_scale", "attention_bias", "query_pre_attn_scalar", "attention_cap", "logit_cap", "window", "windowed"};

  static LlamaParts parts(const Config& c) { return gemma2_parts(c); }

  /// Defaults: those of read_llama, but query_pre_attn_scalar 256, attn_logit_softcapping 50, final_logit_softcapping
  /// 30 and sliding_window 4096 where the key is absent; null turns a cap off.
  template <class Reader> static Config read(const Reader& file) {
    Config config = read_gemma(file, gemma2_defaults(10000, 8192));
    read_cap(file, config, "attn_logit_softcapping", "attention_cap", 50);
    read_cap(file, config, "final_logit_softcapping", "logit_cap", 30);
    read_scores(file, config, [](Index layer) { return layer % 2 == 0; });
    return config;
  }
  template <class Json> static Json write(const Config& config) {
    Json json = write_gemma2<Json>(config);
    json["attn_logit_softcapping"] = cap_json<Json>(config, "attention_cap");
    return json;
  }
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::family
