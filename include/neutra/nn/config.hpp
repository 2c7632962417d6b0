/// Sizes of a Llama-style decoder.
#pragma once

#include "neutra/adapter/sizes.hpp"
#include "neutra/core/shape.hpp"

#include <cmath>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// The configuration of a llama (config.json), in the field's terms, with defaults for optional keys.
struct Config {
  Index vocabulary = 0;  // V
  Index dim = 0;         // d
  Index ffn = 0;         // f
  Index layers = 0;      // L
  Index heads = 0;       // H
  Index kv_heads = 0;    // K; 0: as many as heads
  Index head_width = 0;  // 0: dim / heads
  Index context = 0;     // context length in training, in tokens
  double norm_epsilon = 1e-6;
  double rope_theta = 10000;
  bool tied = false;         // embedding and head share their weights
  Index bos = -1;            // -1: none
  std::vector<Index> eos{};  // all tokens that end a text

  /// Computes the derived sizes. Error: sizes that are not positive or do not divide, all in one message.
  void complete() {
    std::string faults;
    const auto positive = [&](Index size, std::string_view name) {
      if (size <= 0 || size >= (Index{1} << 31))
        faults += concat("; ", name, " must be positive and below 2^31, got ", size);
    };
    if (kv_heads == 0) kv_heads = heads;
    if (head_width == 0 && heads > 0 && dim % heads == 0) head_width = dim / heads;
    positive(vocabulary, "vocabulary");
    positive(dim, "dim");
    positive(ffn, "ffn");
    positive(layers, "layers");
    positive(heads, "heads");
    positive(kv_heads, "kv_heads");
    positive(context, "context");
    if (head_width <= 0 || head_width % 2 != 0 || head_width >= (Index{1} << 31))
      faults += concat("; head width must be even and positive (dim ", dim, " / heads ", heads, "), got ", head_width);
    if (heads > 0 && kv_heads > 0 && heads % kv_heads != 0)
      faults += concat("; heads (", heads, ") must be a multiple of kv_heads (", kv_heads, ")");
    if (!(norm_epsilon > 0) || !std::isfinite(norm_epsilon))
      faults += concat("; norm_epsilon must be positive, got ", norm_epsilon);
    if (!(rope_theta > 0) || !std::isfinite(rope_theta))
      faults += concat("; rope_theta must be positive, got ", rope_theta);
    if (faults.empty() && weights() > 0x1p40)
      faults = concat("; the model must have at most 2^40 weights, got about ", weights(), ": choose smaller ones");
    require(faults.empty(), "model sizes: ", faults.empty() ? "" : faults.substr(2));
  }

  /// The number of weights without the norms, as floating point: a product of sizes below 2^31 may exceed 64 bits.
  double weights() const {
    const auto d = static_cast<double>(dim),
               heads_width = static_cast<double>(heads + kv_heads) * static_cast<double>(head_width);
    return static_cast<double>(layers) * d * (2 * heads_width + 3 * static_cast<double>(ffn)) +
           (tied ? 1 : 2) * static_cast<double>(vocabulary) * d;
  }

  adapter::Sizes sizes() const {
    return {
        .dim = dim, .layers = layers, .query_width = heads * head_width, .kv_width = kv_heads * head_width, .ffn = ffn};
  }
  friend bool operator==(const Config&, const Config&) = default;
};

/// Calls visit(name, member) for every value that determines what a model computes from weights and text, or which
/// window its numbers refer to. eos is not among them: where generation ends changes no number.
template <class C, class Visit> void visit_function(C& c, const Visit& visit) {
  visit("vocabulary", c.vocabulary), visit("dim", c.dim), visit("ffn", c.ffn), visit("layers", c.layers),
      visit("heads", c.heads);
  visit("kv_heads", c.kv_heads), visit("head_width", c.head_width), visit("context", c.context),
      visit("norm_epsilon", c.norm_epsilon);
  visit("rope_theta", c.rope_theta), visit("tied", c.tied), visit("bos", c.bos);
}

/// A kind of weight; the first nine exist in every layer.
enum class Slot { attention_norm, q, k, v, o, ffn_norm, gate, up, down, embedding, final_norm, head };
inline constexpr Index layer_slots = 9;

inline Shape shape_of(const Config& c, Slot slot) {
  const Index queries = c.heads * c.head_width, keys = c.kv_heads * c.head_width;
  switch (slot) {
    case Slot::q:
      return {queries, c.dim};
    case Slot::k:
    case Slot::v:
      return {keys, c.dim};
    case Slot::o:
      return {c.dim, queries};
    case Slot::gate:
    case Slot::up:
      return {c.ffn, c.dim};
    case Slot::down:
      return {c.dim, c.ffn};
    case Slot::embedding:
    case Slot::head:
      return {c.vocabulary, c.dim};
    default:
      return {c.dim};
  }
}

/// The name of a weight in a Hugging Face llama folder.
inline std::string name_of(Slot slot, Index layer) {
  static constexpr std::array<std::string_view, 12> names = {
      "input_layernorm",  "self_attn.q_proj",         "self_attn.k_proj", "self_attn.v_proj",
      "self_attn.o_proj", "post_attention_layernorm", "mlp.gate_proj",    "mlp.up_proj",
      "mlp.down_proj",    "model.embed_tokens",       "model.norm",       "lm_head"};
  const auto name = names[static_cast<std::size_t>(slot)];
  return static_cast<Index>(slot) < layer_slots ? concat("model.layers.", layer, ".", name, ".weight")
                                                : concat(name, ".weight");
}

}}}  // namespace neutra::NEUTRA_ABI::nn
