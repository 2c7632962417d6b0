/// The keys of a config.json that families built like a llama share.
#pragma once

#include "neutra/nn/family.hpp"
#include "neutra/nn/rope_keys.hpp"
#include "neutra/op/activation.hpp"

#include <cmath>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// The defaults of a family's keys.
struct LlamaDefaults {
  double theta = 10000.0;
  Index context = 2048;
  double epsilon = 1e-6;
  const char* epsilon_key = "rms_norm_eps";
  bool tied = false;
  const char* activation_key = "hidden_act";
  const char* activation = "silu";
  Index head_width = 0;  // 0: hidden_size / num_attention_heads
  Index kv_heads = 0;    // 0: num_attention_heads
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
  const bool absent = defaults.kv_heads > 0 && !file.json().contains("num_key_value_heads");  // null: as many as heads
  config.kv_heads = file.integer("num_key_value_heads", absent ? defaults.kv_heads : config.heads, 1, Limits::heads);
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
  config.norm_epsilon = file.number(defaults.epsilon_key, defaults.epsilon);
  require(config.norm_epsilon > 0, what, ": ", defaults.epsilon_key, " must be positive, got ", config.norm_epsilon);
  read_rope(file, config, defaults.theta);
  const std::string activation = read_activation(file, defaults.activation_key, defaults.activation);
  if (activation_named(activation) != Activation::silu || activation_named(defaults.activation) != Activation::silu)
    config.choices["activation"] = activation;
  config.tied = file.flag("tie_word_embeddings", defaults.tied);
  return config;
}

/// The keys that read_llama reads.
template <class Json>
Json write_llama(const Config& config, const char* activation_key = LlamaDefaults{}.activation_key,
                 const char* epsilon_key = LlamaDefaults{}.epsilon_key) {
  const auto chosen = config.choices.find("activation");
  Json json = {{"hidden_size", config.dim},
               {"intermediate_size", config.ffn},
               {"num_hidden_layers", config.layers},
               {"num_attention_heads", config.heads},
               {"num_key_value_heads", config.kv_heads},
               {"head_dim", config.head_width},
               {epsilon_key, config.norm_epsilon},
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

}}}  // namespace neutra::NEUTRA_ABI::nn
