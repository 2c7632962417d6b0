/// What a decoder built like a llama consists of, and the weights that follow from it.
#pragma once

#include "neutra/nn/family.hpp"
#include "neutra/op/activation.hpp"

#include <cmath>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// The parts of a decoder built like a llama. The defaults are a llama's.
struct LlamaParts {
  enum class Norms { before, after, around };  // of attention and FFN: of what they read, of what they return, or both
  enum class QueryNorm { none, head, all };    // of queries and keys: over each head, or over all of them
  Norms norms = Norms::before;
  QueryNorm query_norm = QueryNorm::none;
  bool qkv_bias = false, o_bias = false, mlp_bias = false;
  bool fused = false;      // files hold q, k and v in one tensor, and gate and up
  double norm_offset = 0;  // norms multiply by offset + w
  double embedding_scale = 1;
  double score_scale = 0, score_cap = 0;  // see AttentionSizes
  double logit_cap = 0;                   // see Decoder
  double window_theta = 0;                // RoPE base of layers with a window, unscaled; 0: that of the others
  Activation activation = Activation::silu;
};

/// Initial standard deviation 0.02; 0.02 / sqrt(2 L) for the matrices that write to the residual stream.
/// Radford et al. 2019 (GPT-2), section 2.3
inline WeightList llama_weights(const Config& c, const LlamaParts& parts) {
  using adapter::Site;
  const Index queries = c.heads * c.head_width, keys = c.kv_heads * c.head_width;
  const InitialDistribution zero{}, scale{.value = 1 - parts.norm_offset}, normal{.deviation = 0.02},
      writes{.deviation = 0.02 / std::sqrt(2.0 * static_cast<double>(c.layers))};
  WeightList list;
  list.layers = c.layers;
  list.layer_prefix = "model.layers.";
  list.silu_ffn = parts.activation == Activation::silu && parts.norms == LlamaParts::Norms::before;
  const auto add = [&](const WeightKind& kind) { list.of_layer.push_back(kind); };
  const auto norm = [&](std::string_view name, Index width) { add({name, {width}, scale}); };
  const auto matrix = [&](Site site, std::string_view name, std::string_view bias, const Shape& shape, bool to_stream,
                          bool biased, const Storage& stored = {}) {
    add({name, shape, to_stream ? writes : normal, site, stored, to_stream});
    if (biased) add({bias, {shape.rows()}, zero, {}, {}, to_stream, site});
  };
  const auto part = [&](std::string_view name, Index first, Index rows) {
    return parts.fused ? Storage{name, false, first, rows} : Storage{};
  };
  const auto of_qkv = [&](Index first) { return part("self_attn.qkv_proj.weight", first, queries + 2 * keys); };
  const auto of_gates = [&](Index first) { return part("mlp.gate_up_proj.weight", first, 2 * c.ffn); };

  if (parts.norms != LlamaParts::Norms::after) norm("input_layernorm.weight", c.dim);
  matrix(Site::q, "self_attn.q_proj.weight", "self_attn.q_proj.bias", {queries, c.dim}, false, parts.qkv_bias,
         of_qkv(0));
  matrix(Site::k, "self_attn.k_proj.weight", "self_attn.k_proj.bias", {keys, c.dim}, false, parts.qkv_bias,
         of_qkv(queries));
  matrix(Site::v, "self_attn.v_proj.weight", "self_attn.v_proj.bias", {keys, c.dim}, false, parts.qkv_bias,
         of_qkv(queries + keys));
  if (parts.query_norm != LlamaParts::QueryNorm::none) {
    const bool each = parts.query_norm == LlamaParts::QueryNorm::head;
    norm("self_attn.q_norm.weight", each ? c.head_width : queries);
    norm("self_attn.k_norm.weight", each ? c.head_width : keys);
  }
  matrix(Site::o, "self_attn.o_proj.weight", "self_attn.o_proj.bias", {c.dim, queries}, true, parts.o_bias);
  norm("post_attention_layernorm.weight", c.dim);  // of the FFN's input, or of what attention returns
  if (parts.norms == LlamaParts::Norms::around) norm("pre_feedforward_layernorm.weight", c.dim);
  matrix(Site::gate, "mlp.gate_proj.weight", "mlp.gate_proj.bias", {c.ffn, c.dim}, false, parts.mlp_bias, of_gates(0));
  matrix(Site::up, "mlp.up_proj.weight", "mlp.up_proj.bias", {c.ffn, c.dim}, false, parts.mlp_bias, of_gates(c.ffn));
  matrix(Site::down, "mlp.down_proj.weight", "mlp.down_proj.bias", {c.dim, c.ffn}, true, parts.mlp_bias);
  if (parts.norms != LlamaParts::Norms::before) norm("post_feedforward_layernorm.weight", c.dim);
  list.of_all = {{"model.embed_tokens.weight", {c.vocabulary, c.dim}, normal}, {"model.norm.weight", {c.dim}, scale}};
  list.ignored = {".rotary_emb.inv_freq"};  // RoPE frequencies in old files
  list.add_head({"lm_head.weight", {c.vocabulary, c.dim}, normal}, c.tied);
  return list;
}

}}}  // namespace neutra::NEUTRA_ABI::nn
