/// config.json of a Hugging Face llama folder, read with every check and written for transformers to read.
#pragma once

#include "neutra/io/json.hpp"
#include "neutra/nn/config.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

namespace detail {

/// Above any model there is; below them no product of sizes overflows, whatever a file says.
struct Limits {
  static constexpr Index width = Index{1} << 20;  // of the residual stream, the FFN, a head
  static constexpr Index heads = Index{1} << 12;
  static constexpr Index layers = Index{1} << 16;
  static constexpr Index vocabulary = (Index{1} << 31) - 1;  // tokens are 32-bit integers
  static constexpr Index context = Index{1} << 24;
};

/// What this library would compute differently from the model that the file describes.
inline void refuse_unsupported(const io::Reader& file) {
  const auto& name = file.what();
  const std::string type = file.text("model_type");
  require(type == "llama", name, ": model_type must be \"llama\", got \"", io::shown(type),
          "\"; other families are not supported");
  if (file.has("architectures")) {
    const auto all = file.texts("architectures");
    require(all.size() == 1 && all[0] == "LlamaForCausalLM", name,
            ": architectures must be [\"LlamaForCausalLM\"], got ", io::shown(file.value("architectures").dump()),
            "; save the language model itself");
  }
  if (file.has("quantization"))
    fail(name, ": quantization must be absent, got MLX weights of ", file.object("quantization").integer("bits", 0),
         " bits; quantised weights are not supported, take the model's float or bf16 weights (mlx_lm.convert "
         "--dequantize, or the original model)");
  if (file.has("quantization_config"))
    fail(name, ": quantization_config must be absent, got the method \"",
         io::shown(file.object("quantization_config").text("quant_method", "unnamed")),
         "\"; quantised weights are not supported, take the model's float or bf16 weights");
  const std::string act = file.text("hidden_act", "silu");
  require(act == "silu" || act == "swish", name, ": hidden_act must be \"silu\", got \"", io::shown(act),
          "\"; other activations are not supported");
  for (const char* bias : {"attention_bias", "mlp_bias"})
    require(!file.flag(bias, false), name, ": ", bias,
            " must be false, got true; biases on projections are not supported");
}

/// Error: any kind of RoPE but the plain one, named.
inline void refuse_scaling(const io::Reader& rope, std::string_view object) {
  for (const char* key : {"rope_type", "type"}) {
    const std::string kind = rope.text(key, "default");
    require(kind == "default", rope.what(), ": ", object, ".", key, " must be \"default\", got \"", io::shown(kind),
            "\"; RoPE scaling is not supported");
  }
}

/// RoPE's base from either form: rope_theta and rope_scaling, or rope_parameters (transformers 5).
inline double read_rope_theta(const io::Reader& file) {
  if (file.has("rope_scaling")) {
    const io::Reader scaling = file.object("rope_scaling");
    require(scaling.has("rope_type") || scaling.has("type"), file.what(),
            ": rope_scaling.rope_type is missing; write null for plain RoPE");
    refuse_scaling(scaling, "rope_scaling");
  }
  double theta = file.number("rope_theta", 10000.0), part = file.number("partial_rotary_factor", 1.0);
  if (file.has("rope_parameters")) {
    const io::Reader rope = file.object("rope_parameters");
    refuse_scaling(rope, "rope_parameters");
    const double inner = rope.number("rope_theta", theta);
    require(!file.has("rope_theta") || inner == theta, file.what(), ": rope_theta (", theta,
            ") and rope_parameters.rope_theta (", inner, ") must agree; remove the wrong one");
    theta = inner;
    part = rope.number("partial_rotary_factor", part);
  }
  require(theta > 0, file.what(), ": rope_theta must be positive, got ", theta);
  require(part == 1, file.what(), ": partial_rotary_factor must be 1, got ", part,
          "; turning a part of a head is not supported");
  return theta;
}

/// Token ids: one, a list, or none.
inline std::vector<Index> read_ids(const io::Reader& file, const char* key, Index vocabulary) {
  if (!file.has(key)) return {};
  if (file.value(key).is_array()) return file.integers(key, 0, vocabulary - 1);
  return {file.integer(key, {}, 0, vocabulary - 1)};
}

/// The same as JSON.
inline io::Json ids_json(const std::vector<Index>& ids) {
  return ids.empty() ? io::Json() : ids.size() == 1 ? io::Json(ids[0]) : io::Json(ids);
}

}  // namespace detail

/// Sizes from the object of a config.json; `what`, as in its path, opens each message.
/// Absent keys: num_key_value_heads is num_attention_heads, head_dim is hidden_size / num_attention_heads, rms_norm_eps
/// 1e-6, rope_theta 10000, max_position_embeddings 2048, tie_word_embeddings false, no bos and eos; the five sizes must
/// be there. Error: a family, RoPE scaling, activation, quantisation or bias that is not supported, by name; a key that
/// is missing, of another type, zero, negative or absurd; heads that do not divide; an odd head size; rope_theta and
/// rope_parameters that differ.
inline Config llama_config(const io::Json& json, const std::string& what) {
  using detail::Limits;
  const io::Reader file(json, what);
  detail::refuse_unsupported(file);
  Config config{.vocabulary = file.integer("vocab_size", {}, 1, Limits::vocabulary),
                .dim = file.integer("hidden_size", {}, 1, Limits::width),
                .ffn = file.integer("intermediate_size", {}, 1, Limits::width),
                .layers = file.integer("num_hidden_layers", {}, 1, Limits::layers),
                .heads = file.integer("num_attention_heads", {}, 1, Limits::heads)};
  config.kv_heads = file.integer("num_key_value_heads", config.heads, 1, Limits::heads);
  require(config.heads % config.kv_heads == 0, what,
          ": num_attention_heads must be a multiple of num_key_value_heads, got ", config.heads, " and ",
          config.kv_heads);
  require(file.has("head_dim") || config.dim % config.heads == 0, what,
          ": hidden_size must be a multiple of num_attention_heads where head_dim is absent, got ", config.dim, " and ",
          config.heads);
  config.head_width = file.integer("head_dim", config.dim / config.heads, 1, Limits::width);
  require(config.head_width % 2 == 0, what,
          ": the head size (head_dim, or hidden_size / num_attention_heads) must be even for RoPE, got ",
          config.head_width);
  config.context = file.integer("max_position_embeddings", 2048, 1, Limits::context);
  config.norm_epsilon = file.number("rms_norm_eps", 1e-6);
  require(config.norm_epsilon > 0, what, ": rms_norm_eps must be positive, got ", config.norm_epsilon);
  config.rope_theta = detail::read_rope_theta(file);
  config.tied = file.flag("tie_word_embeddings", false);
  if (const auto begins = detail::read_ids(file, "bos_token_id", config.vocabulary); !begins.empty())
    config.bos = begins.front();
  config.eos = detail::read_ids(file, "eos_token_id", config.vocabulary);
  config.complete();
  return config;
}

/// The config.json of a model; dtype: how its weights are saved ("float32", "float64").
inline io::Json llama_json(const Config& config, std::string_view dtype) {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"torch_dtype", dtype},
          {"vocab_size", config.vocabulary},
          {"hidden_size", config.dim},
          {"intermediate_size", config.ffn},
          {"num_hidden_layers", config.layers},
          {"num_attention_heads", config.heads},
          {"num_key_value_heads", config.kv_heads},
          {"head_dim", config.head_width},
          {"max_position_embeddings", config.context},
          {"rms_norm_eps", config.norm_epsilon},
          {"hidden_act", "silu"},
          {"rope_theta", config.rope_theta},
          {"rope_scaling", nullptr},
          {"tie_word_embeddings", config.tied},
          {"attention_bias", false},
          {"mlp_bias", false},
          {"bos_token_id", config.bos < 0 ? io::Json() : io::Json(config.bos)},
          {"eos_token_id", detail::ids_json(config.eos)}};
}

}}}  // namespace neutra::NEUTRA_ABI::nn
