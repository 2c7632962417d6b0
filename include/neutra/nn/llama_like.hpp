/// What families that are built like a llama share: weights, reading and writing of sizes. Such a family is a short
/// file in families/ that names what it has beside a llama's parts, or in place of them.
#pragma once

#include "neutra/nn/family.hpp"
#include "neutra/nn/rope_scaling.hpp"
#include "neutra/op/activation.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

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
  double score_scale = 0;   // see AttentionSizes
  double window_theta = 0;  // RoPE base of layers with a window, unscaled; 0: that of the others
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

/// The defaults of a family's keys.
struct LlamaDefaults {
  double theta = 10000.0;
  Index context = 2048;
  double epsilon = 1e-6;
  bool tied = false;
  const char* activation_key = "hidden_act";
  const char* activation = "silu";
  Index head_width = 0;  // 0: hidden_size / num_attention_heads
};

/// Reads a choice of activation. Error: one that is not supported.
template <class Reader> std::string read_activation(const Reader& file, const char* key, const char* fallback) {
  const std::string name = file.text(key, fallback);
  std::string all;
  for (const auto& [known, activation] : activation_names) all += concat(all.empty() ? "" : ", ", known);
  require(activation_named(name).has_value(), file.what(), ": ", key, " must be one of ", all, ", got \"",
          io::printable(name), "\"; other activations are not supported");
  return name;
}

/// Reads sizes, RoPE, activation and whether the head is tied. Defaults beside those of the family:
/// num_key_value_heads num_attention_heads, head_dim hidden_size / num_attention_heads. The five sizes are required.
/// Error: a key that is missing, of another type or out of range; heads that do not divide; an odd head width; a kind
/// of RoPE scaling or an activation that is not supported.
template <class Reader> Config read_llama(const Reader& file, const LlamaDefaults& defaults) {
  const auto& what = file.what();
  Config config{.vocabulary = file.integer("vocab_size", {}, 1, Limits::vocabulary),
                .dim = file.integer("hidden_size", {}, 1, Limits::width),
                .ffn = file.integer("intermediate_size", {}, 1, Limits::width),
                .layers = file.integer("num_hidden_layers", {}, 1, Limits::layers),
                .heads = file.integer("num_attention_heads", {}, 1, Limits::heads)};
  config.kv_heads = file.integer("num_key_value_heads", config.heads, 1, Limits::heads);
  require(config.heads % config.kv_heads == 0, what,
          ": num_attention_heads must be a multiple of num_key_value_heads, got ", config.heads, " and ",
          config.kv_heads);
  const bool named = file.has("head_dim") || defaults.head_width > 0;
  require(named || config.dim % config.heads == 0, what,
          ": hidden_size must be a multiple of num_attention_heads if head_dim is absent, got ", config.dim, " and ",
          config.heads);
  config.head_width = file.integer(
      "head_dim", defaults.head_width > 0 ? defaults.head_width : config.dim / config.heads, 1, Limits::width);
  require(config.head_width % 2 == 0, what,
          ": the head size (head_dim, or hidden_size / num_attention_heads) must be even for RoPE, got ",
          config.head_width);
  config.context = file.integer("max_position_embeddings", defaults.context, 1, Limits::context);
  config.norm_epsilon = file.number("rms_norm_eps", defaults.epsilon);
  require(config.norm_epsilon > 0, what, ": rms_norm_eps must be positive, got ", config.norm_epsilon);
  read_rope(file, config, defaults.theta);
  const std::string activation = read_activation(file, defaults.activation_key, defaults.activation);
  if (activation_named(activation) != Activation::silu) config.choices["activation"] = activation;
  config.tied = file.flag("tie_word_embeddings", defaults.tied);
  return config;
}

/// The keys that read_llama reads.
template <class Json> Json write_llama(const Config& config, const char* activation_key = "hidden_act") {
  const auto chosen = config.choices.find("activation");
  Json json = {{"hidden_size", config.dim},
               {"intermediate_size", config.ffn},
               {"num_hidden_layers", config.layers},
               {"num_attention_heads", config.heads},
               {"num_key_value_heads", config.kv_heads},
               {"head_dim", config.head_width},
               {"rms_norm_eps", config.norm_epsilon},
               {activation_key, chosen == config.choices.end() ? "silu" : chosen->second}};
  write_rope(config, json);
  return json;
}

/// The activation of the FFN: Config::choices, activation; SiLU if there is none.
inline Activation activation_of(const Config& config) {
  const auto chosen = config.choices.find("activation");
  return chosen == config.choices.end() ? Activation::silu : *activation_named(chosen->second);
}

/// Reads a flag as a setting that is 1, or absent.
template <class Reader> void read_flag(const Reader& file, Config& config, const char* key) {
  if (file.flag(key, false)) config.numbers[key] = 1;
}
inline bool flagged(const Config& config, const char* key) { return config.numbers.contains(key); }

/// Reads which layers have a window: those that layer_types calls sliding_attention or, without that key, those that
/// `windowed` accepts. Adds numbers["window"] and by_layer["windowed"] if there are any.
/// Error: another type of layer; more or fewer types than layers.
template <class Reader, class Windowed>
void read_windows(const Reader& file, Config& config, Index window, const Windowed& windowed) {
  std::string digits;
  for (Index layer = 0; layer < config.layers; ++layer) digits += windowed(layer) ? '1' : '0';
  if (file.has("layer_types")) {
    digits.clear();
    for (const std::string& type : file.texts("layer_types")) {
      require(type == "sliding_attention" || type == "full_attention", file.what(),
              ": layer_types must be sliding_attention or full_attention, got \"", io::printable(type),
              "\"; other kinds of attention are not supported");
      digits += type == "sliding_attention" ? '1' : '0';
    }
    require(static_cast<Index>(digits.size()) == config.layers, file.what(), ": layer_types must name ", config.layers,
            " layers (num_hidden_layers), got ", digits.size());
  }
  if (digits.find('1') == digits.npos) return;
  config.numbers["window"] = static_cast<double>(window);
  config.by_layer["windowed"] = digits;
}

/// sliding_window as JSON; null if no layer has a window.
template <class Json> Json window_json(const Config& config) {
  if (!config.numbers.contains("window")) return nullptr;
  return static_cast<Index>(config.numbers.at("window"));
}

/// layer_types as JSON; null if no layer has a window.
template <class Json> Json layer_types(const Config& config) {
  const auto found = config.by_layer.find("windowed");
  if (found == config.by_layer.end()) return nullptr;
  Json types = Json::array();
  for (const char digit : found->second) types.push_back(digit == '1' ? "sliding_attention" : "full_attention");
  return types;
}

/// Reads the windows of the Qwen families: none unless use_sliding_window; layers from max_window_layers (28) on have
/// one, or those that layer_types names.
template <class Reader> void read_upper_windows(const Reader& file, Config& config) {
  if (!file.flag("use_sliding_window", false)) return;
  const Index window = file.integer("sliding_window", 4096, 1, Limits::context);
  const Index from = file.integer("max_window_layers", 28, 0, Limits::layers);
  read_windows(file, config, window, [from](Index layer) { return layer >= from; });
}
/// The keys that it reads; max_window_layers is the first layer with a window.
template <class Json> void write_upper_windows(const Config& config, Json& json) {
  const auto found = config.by_layer.find("windowed");
  const bool windows = found != config.by_layer.end();
  json["use_sliding_window"] = windows;
  json["sliding_window"] = window_json<Json>(config);
  json["layer_types"] = layer_types<Json>(config);
  json["max_window_layers"] = windows ? static_cast<Index>(found->second.find('1')) : config.layers;
}

/// Gives every layer a window, unless it is as long as the context.
inline void window_everywhere(Config& config, Index window) {
  if (window >= config.context) return;
  config.numbers["window"] = static_cast<double>(window);
  config.by_layer["windowed"] = std::string(static_cast<std::size_t>(config.layers), '1');
}

/// Reads the share of each head that RoPE rotates as the setting rotated_share, absent if it is 1.
/// Error: a share that is not an even number of the elements of a head.
template <class Reader> void read_rotated(const Reader& file, Config& config, double fallback = 1) {
  const double share = read_rotated_share(file, fallback);
  const Index rotated = static_cast<Index>(static_cast<double>(config.head_width) * share);
  require(rotated >= 2 && rotated <= config.head_width && rotated % 2 == 0, file.what(),
          ": partial_rotary_factor must rotate an even number of the ", config.head_width, " elements of a head, got ",
          share);
  if (rotated < config.head_width) config.numbers["rotated_share"] = share;
}
/// The keys that it reads. A file that has rope_parameters keeps them, so transformers 5 needs the share there too.
template <class Json> void write_rotated(const Config& config, Json& json) {
  const auto share = config.numbers.find("rotated_share");
  json["partial_rotary_factor"] = share == config.numbers.end() ? 1.0 : share->second;
}

/// Error: a flag that is set.
template <class Reader> void refuse_flag(const Reader& file, const char* key) {
  require(!file.flag(key, false), file.what(), ": ", key, " must be false, got true; this is not supported");
}

/// sqrt(d) rounded to the type of the file's weights (torch_dtype, or dtype in files of transformers 5), as the
/// reference multiplies by it. A model saved in another type keeps the factor under neutra_embedding_scale.
template <class Reader> double read_embedding_scale(const Reader& file, Index dim) {
  const std::string type = file.text("torch_dtype", file.text("dtype", "float32"));
  const int bits = type == "bfloat16" ? 8 : type == "float16" ? 11 : 24;  // of the fraction, the leading one included
  int exponent = 0;
  const double fraction = std::frexp(std::sqrt(static_cast<double>(dim)), &exponent);
  const double rounded = std::ldexp(std::nearbyint(std::ldexp(fraction, bits)), exponent - bits);
  const double scale = file.number("neutra_embedding_scale", rounded);
  require(scale > 0, file.what(), ": neutra_embedding_scale must be positive, got ", scale);
  return scale;
}

/// Error: a partial_rotary_factor other than 1, for families that do not read it.
template <class Reader> void refuse_partial_rotation(const Reader& file) {
  const double share = read_rotated_share(file);
  require(share == 1, file.what(), ": partial_rotary_factor must be 1, got ", share,
          "; rotating a part of each head is not supported in this family");
}

}}}  // namespace neutra::NEUTRA_ABI::nn
