/// Llama-style decoders.      Touvron et al. 2023, arXiv 2302.13971
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/utf8.hpp"
#include "neutra/nn/family.hpp"
#include "neutra/op/attention.hpp"
#include "neutra/op/embedding.hpp"
#include "neutra/op/gated.hpp"
#include "neutra/op/rms_norm.hpp"
#include "neutra/op/rope.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace family {

/// RMS norms, RoPE, gated units, grouped-query attention; the head width is a setting. Config::numbers: rope_theta.
struct Llama {
  static constexpr std::string_view name = "llama";
  static constexpr const char* architecture = "LlamaForCausalLM";

  enum OfLayer : Index { attention_norm, q, k, v, o, ffn_norm, gate, up, down };
  enum OfAll : Index { embedding, final_norm, head };

  static void complete(Config& config, std::string& faults) {
    config.numbers.try_emplace("rope_theta", 10000.0);
    if (config.numbers.size() + config.choices.size() > 1) faults += "; the only setting of a llama is rope_theta";
    if (const double theta = config.numbers["rope_theta"]; !(theta > 0) || !std::isfinite(theta))
      faults += concat("; rope_theta must be positive, got ", theta);
    if (config.head_width % 2 != 0) faults += concat("; head width must be even for RoPE, got ", config.head_width);
  }

  /// Initial standard deviation 0.02; 0.02 / sqrt(2 L) for the matrices that write to the residual stream.
  /// Radford et al. 2019 (GPT-2), section 2.3
  static WeightList weights(const Config& c) {
    using adapter::Site;
    const Index queries = c.heads * c.head_width, keys = c.kv_heads * c.head_width;
    const InitialDistribution one{.value = 1}, normal{.deviation = 0.02},
        writes{.deviation = 0.02 / std::sqrt(2.0 * static_cast<double>(c.layers))};
    WeightList list{
        .layers = c.layers,
        .layer_prefix = "model.layers.",
        .of_layer = {{"input_layernorm.weight", {c.dim}, one},
                     {"self_attn.q_proj.weight", {queries, c.dim}, normal, Site::q},
                     {"self_attn.k_proj.weight", {keys, c.dim}, normal, Site::k},
                     {"self_attn.v_proj.weight", {keys, c.dim}, normal, Site::v},
                     {"self_attn.o_proj.weight", {c.dim, queries}, writes, Site::o, {}, true},
                     {"post_attention_layernorm.weight", {c.dim}, one},
                     {"mlp.gate_proj.weight", {c.ffn, c.dim}, normal, Site::gate},
                     {"mlp.up_proj.weight", {c.ffn, c.dim}, normal, Site::up},
                     {"mlp.down_proj.weight", {c.dim, c.ffn}, writes, Site::down, {}, true}},
        .of_all = {{"model.embed_tokens.weight", {c.vocabulary, c.dim}, normal}, {"model.norm.weight", {c.dim}, one}},
        .ignored = {".rotary_emb.inv_freq"}};  // RoPE frequencies in old files
    list.add_head({"lm_head.weight", {c.vocabulary, c.dim}, normal}, c.tied);
    return list;
  }

  /// Defaults: num_key_value_heads num_attention_heads, head_dim hidden_size / num_attention_heads, rms_norm_eps 1e-6,
  /// rope_theta 10000, max_position_embeddings 2048, tie_word_embeddings false. The five sizes are required.
  /// Error: RoPE scaling, an activation or a bias that is not supported; a key that is missing, of another type or out
  /// of range; heads that do not divide; an odd head width; rope_theta and rope_parameters that differ.
  template <class Reader> static Config read(const Reader& file);

  template <class Json> static Json write(const Config& config) {
    return {{"hidden_size", config.dim},
            {"intermediate_size", config.ffn},
            {"num_hidden_layers", config.layers},
            {"num_attention_heads", config.heads},
            {"num_key_value_heads", config.kv_heads},
            {"head_dim", config.head_width},
            {"max_position_embeddings", config.context},
            {"rms_norm_eps", config.norm_epsilon},
            {"hidden_act", "silu"},
            {"rope_theta", config.numbers.at("rope_theta")},
            {"rope_scaling", nullptr},
            {"attention_bias", false},
            {"mlp_bias", false}};
  }

  template <Scalar S, Backend D> class Blocks;

 private:
  template <class Reader> static void refuse_unsupported(const Reader& file);
  template <class Reader> static void refuse_scaling(const Reader& rope, std::string_view object);
  template <class Reader> static double read_rope_theta(const Reader& file);
};

/// Error: a setting with which the model in the file would compute something that this library does not.
template <class Reader> void Llama::refuse_unsupported(const Reader& file) {
  const auto& where = file.what();
  const std::string act = file.text("hidden_act", "silu");
  require(act == "silu" || act == "swish", where, ": hidden_act must be \"silu\", got \"", io::printable(act),
          "\"; other activations are not supported");
  for (const char* bias : {"attention_bias", "mlp_bias"})
    require(!file.flag(bias, false), where, ": ", bias,
            " must be false, got true; biases on projections are not supported");
}

/// Error: a kind of RoPE other than "default".
template <class Reader> void Llama::refuse_scaling(const Reader& rope, std::string_view object) {
  for (const char* key : {"rope_type", "type"}) {
    const std::string kind = rope.text(key, "default");
    require(kind == "default", rope.what(), ": ", object, ".", key, " must be \"default\", got \"", io::printable(kind),
            "\"; RoPE scaling is not supported");
  }
}

/// The base of RoPE, from rope_theta and rope_scaling, or from rope_parameters (transformers 5).
template <class Reader> double Llama::read_rope_theta(const Reader& file) {
  if (file.has("rope_scaling")) {
    const Reader scaling = file.object("rope_scaling");
    require(scaling.has("rope_type") || scaling.has("type"), file.what(),
            ": rope_scaling.rope_type is missing; write null for plain RoPE");
    refuse_scaling(scaling, "rope_scaling");
  }
  double theta = file.number("rope_theta", 10000.0), part = file.number("partial_rotary_factor", 1.0);
  if (file.has("rope_parameters")) {
    const Reader rope = file.object("rope_parameters");
    refuse_scaling(rope, "rope_parameters");
    const double inner = rope.number("rope_theta", theta);
    require(!file.has("rope_theta") || inner == theta, file.what(), ": rope_theta (", theta,
            ") and rope_parameters.rope_theta (", inner, ") must agree; remove the wrong one");
    theta = inner;
    part = rope.number("partial_rotary_factor", part);
  }
  require(theta > 0, file.what(), ": rope_theta must be positive, got ", theta);
  require(part == 1, file.what(), ": partial_rotary_factor must be 1, got ", part,
          "; rotating a part of each head is not supported");
  return theta;
}

template <class Reader> Config Llama::read(const Reader& file) {
  const auto& what = file.what();
  refuse_unsupported(file);
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
          ": hidden_size must be a multiple of num_attention_heads if head_dim is absent, got ", config.dim, " and ",
          config.heads);
  config.head_width = file.integer("head_dim", config.dim / config.heads, 1, Limits::width);
  require(config.head_width % 2 == 0, what,
          ": the head size (head_dim, or hidden_size / num_attention_heads) must be even for RoPE, got ",
          config.head_width);
  config.context = file.integer("max_position_embeddings", 2048, 1, Limits::context);
  config.norm_epsilon = file.number("rms_norm_eps", 1e-6);
  require(config.norm_epsilon > 0, what, ": rms_norm_eps must be positive, got ", config.norm_epsilon);
  config.numbers["rope_theta"] = read_rope_theta(file);
  config.tied = file.flag("tie_word_embeddings", false);
  return config;
}

template <Scalar S, Backend D> class Llama::Blocks final : public Decoder<S, D> {
 public:
  explicit Blocks(const Config& config)
      : epsilon_(static_cast<S>(config.norm_epsilon)),
        theta_(config.numbers.at("rope_theta")),
        context_(config.context),
        head_width_(config.head_width),
        head_(config.tied ? embedding : Llama::head) {}

  Var<S, D> embed(const Weights<S, D>& weights, std::span<const std::int32_t> tokens, Index) override {
    return neutra::embedding(weights.of_all(embedding), tokens);
  }
  Var<S, D> block(Layer<S, D>& layer, Var<S, D> x, const AttentionSizes& sizes) override {
    const auto h = attended(layer, x, sizes);
    return ffn_block(layer, h, rms_norm(h, layer.weight(ffn_norm), epsilon_));
  }
  Var<S, D> normalise(const Weights<S, D>& weights, Var<S, D> x) override {
    return rms_norm(x, weights.of_all(final_norm), epsilon_);
  }
  Var<S, D> head(const Weights<S, D>& weights) override { return weights.of_all(head_); }

 private:
  using Site = adapter::Site;

  /// x + attention; intermediate values are released at the end of the scope.
  Var<S, D> attended(Layer<S, D>& layer, Var<S, D> x, const AttentionSizes& sizes) {
    typename Tape<S, D>::Scope scope(layer.pass.tape);
    return scope.keep(attention_block(layer, x, rms_norm(x, layer.weight(attention_norm), epsilon_), sizes));
  }

  /// stream + attention: project, rotate, attend, project back.      stream: (N,d)  x: (N,d), the normalised stream
  Var<S, D> attention_block(Layer<S, D>& layer, Var<S, D> stream, Var<S, D> x, const AttentionSizes& sizes) {
    const RopeTable<S, D>& table = rope_for(sizes.length);
    const DType stored = layer.intermediate_dtype({Site::q, Site::k, Site::v, Site::o});
    const auto queries = rope(layer.project(Site::q, x), table, sizes.length, stored);  // (N,H*W)
    const auto keys = rope(layer.project(Site::k, x), table, sizes.length, stored);     // (N,K*W)
    const auto values = layer.project(Site::v, x, stored);                              // (N,K*W)
    return layer.join(stream, Site::attention, x, Site::o, attention(queries, keys, values, sizes));
  }

  /// stream + down(silu(gate x) * (up x))      stream: (N,d)  x: (N,d), the normalised stream
  Var<S, D> ffn_block(Layer<S, D>& layer, Var<S, D> stream, Var<S, D> x) {
    const DType stored = layer.intermediate_dtype({Site::gate, Site::up, Site::down});
    const auto up = layer.project(Site::up, x, stored), gate = layer.project(Site::gate, x, stored);
    return layer.join(stream, Site::ffn, x, Site::down, gated(gate, up));  // gate, up: (N,f)
  }

  /// A table of at least `length` positions rather than of the whole context, which may be far longer. The length
  /// doubles, because generated text grows by a token at a time.
  const RopeTable<S, D>& rope_for(Index length) {
    const Index held = ropes_.empty() ? 0 : ropes_.back().cosine.shape().rows();
    if (held < length) ropes_.emplace_back(std::min(context_, std::max(length, 2 * held)), head_width_, theta_);
    return ropes_.back();
  }

  S epsilon_;
  double theta_;
  Index context_, head_width_;
  OfAll head_;
  // Of increasing length. The last is in use; a tape may still point to earlier ones.
  std::deque<RopeTable<S, D>> ropes_;
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::family
