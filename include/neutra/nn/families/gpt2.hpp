/// GPT-2.      Radford et al. 2019, Language Models are Unsupervised Multitask Learners
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/utf8.hpp"
#include "neutra/nn/layer_norm_decoder.hpp"
#include "neutra/op/activation.hpp"
#include "neutra/op/attention.hpp"
#include "neutra/op/embedding.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace family {

/// Learned positions, layer norms, biases, an ungated FFN. Config::choices: activation.
/// The fused q, k and v of a file are three weights here, so that each is a site. Values between two matmuls are
/// stored as S even if matmul inputs are bf16.
struct Gpt2 {
  static constexpr std::string_view name = "gpt2";
  static constexpr const char* architecture = "GPT2LMHeadModel";

  enum OfLayer : Index {
    attention_norm,
    attention_norm_bias,
    q,
    q_bias,
    k,
    k_bias,
    v,
    v_bias,
    o,
    o_bias,
    ffn_norm,
    ffn_norm_bias,
    up,
    up_bias,
    down,
    down_bias
  };
  enum OfAll : Index { embedding, positions, final_norm, final_norm_bias, head };

  static void complete(Config& config, std::string& faults) {
    config.choices.try_emplace("activation", "gelu_new");
    if (config.numbers.size() + config.choices.size() > 1) faults += "; the only setting of a gpt2 is activation";
    if (const std::string& activation = config.choices["activation"]; !activation_named(activation))
      faults += concat("; activation must be one of ", activations(), ", got ", activation);
    if (config.kv_heads != config.heads) faults += "; a gpt2 has as many kv_heads as heads";
    if (config.heads * config.head_width != config.dim)
      faults += concat("; dim must be heads times head width, got ", config.dim, ", ", config.heads, " and ",
                       config.head_width);
  }

  static WeightList weights(const Config& c) {
    using adapter::Site;
    const Index d = c.dim, f = c.ffn;
    const InitialDistribution zero{}, one{.value = 1}, normal{.deviation = 0.02},
        writes{.deviation = 0.02 / std::sqrt(2.0 * static_cast<double>(c.layers))};
    const auto third = [d](Index part) { return Storage{"attn.c_attn.weight", true, part * d, 3 * d}; };
    const auto third_bias = [d](Index part) { return Storage{"attn.c_attn.bias", false, part * d, 3 * d}; };
    const Storage turned{.transposed = true};
    WeightList list{.layers = c.layers,
                    .layer_prefix = "transformer.h.",
                    .of_layer = {{"ln_1.weight", {d}, one},
                                 {"ln_1.bias", {d}, zero},
                                 {"attn.q.weight", {d, d}, normal, Site::q, third(0)},
                                 {"attn.q.bias", {d}, zero, {}, third_bias(0)},
                                 {"attn.k.weight", {d, d}, normal, Site::k, third(1)},
                                 {"attn.k.bias", {d}, zero, {}, third_bias(1)},
                                 {"attn.v.weight", {d, d}, normal, Site::v, third(2)},
                                 {"attn.v.bias", {d}, zero, {}, third_bias(2)},
                                 {"attn.c_proj.weight", {d, d}, writes, Site::o, turned, true},
                                 {"attn.c_proj.bias", {d}, zero, {}, {}, true},
                                 {"ln_2.weight", {d}, one},
                                 {"ln_2.bias", {d}, zero},
                                 {"mlp.c_fc.weight", {f, d}, normal, Site::up, turned},
                                 {"mlp.c_fc.bias", {f}, zero},
                                 {"mlp.c_proj.weight", {d, f}, writes, Site::down, turned, true},
                                 {"mlp.c_proj.bias", {d}, zero, {}, {}, true}},
                    .of_all = {{"transformer.wte.weight", {c.vocabulary, d}, normal},
                               {"transformer.wpe.weight", {c.context, d}, normal},
                               {"transformer.ln_f.weight", {d}, one},
                               {"transformer.ln_f.bias", {d}, zero}},
                    .optional_prefix = "transformer.",
                    .ignored = {".attn.bias", ".attn.masked_bias"}};  // causal masks in old files
    list.add_head({"lm_head.weight", {c.vocabulary, d}, normal}, c.tied);
    return list;
  }

  /// Defaults: n_inner 4 n_embd, layer_norm_epsilon 1e-5, activation_function gelu_new, tie_word_embeddings true. The
  /// other sizes are required.
  /// Error: an activation, a scale of attention or cross-attention that is not supported; a key that is missing, of
  /// another type or out of range; heads that do not divide.
  template <class Reader> static Config read(const Reader& file) {
    refuse_unsupported(file);
    Config config{.vocabulary = file.integer("vocab_size", {}, 1, Limits::vocabulary),
                  .dim = file.integer("n_embd", {}, 1, Limits::width),
                  .layers = file.integer("n_layer", {}, 1, Limits::layers),
                  .heads = file.integer("n_head", {}, 1, Limits::heads),
                  .context = file.integer("n_positions", {}, 1, Limits::context)};
    require(config.dim % config.heads == 0, file.what(), ": n_embd must be a multiple of n_head, got ", config.dim,
            " and ", config.heads);
    config.ffn = file.integer("n_inner", 4 * config.dim, 1, 4 * Limits::width);
    config.norm_epsilon = file.number("layer_norm_epsilon", 1e-5);
    require(config.norm_epsilon > 0, file.what(), ": layer_norm_epsilon must be positive, got ", config.norm_epsilon);
    config.choices["activation"] = file.text("activation_function", "gelu_new");
    config.tied = file.flag("tie_word_embeddings", true);
    return config;
  }

  template <class Json> static Json write(const Config& config) {
    return {{"n_embd", config.dim},
            {"n_inner", config.ffn},
            {"n_layer", config.layers},
            {"n_head", config.heads},
            {"n_positions", config.context},
            {"layer_norm_epsilon", config.norm_epsilon},
            {"activation_function", config.choices.at("activation")},
            {"scale_attn_weights", true},
            {"scale_attn_by_inverse_layer_idx", false},
            {"add_cross_attention", false}};
  }

  template <Scalar S, Backend D> class Blocks;

 private:
  static std::string activations() {
    std::string all;
    for (const auto& [known, activation] : activation_names) all += concat(all.empty() ? "" : ", ", known);
    return all;
  }
  template <class Reader> static void refuse_unsupported(const Reader& file) {
    const std::string act = file.text("activation_function", "gelu_new");
    require(activation_named(act).has_value(), file.what(), ": activation_function must be one of ", activations(),
            ", got \"", io::printable(act), "\"; other activations are not supported");
    for (const auto& [key, value] : {std::pair{"scale_attn_weights", true},
                                     {"scale_attn_by_inverse_layer_idx", false},
                                     {"add_cross_attention", false}})
      require(file.flag(key, value) == value, file.what(), ": ", key, " must be ", value, ", got ", !value,
              "; other attention is not supported");
  }
};

template <Scalar S, Backend D> class Gpt2::Blocks final : public LayerNormDecoder<S, D> {
 public:
  explicit Blocks(const Config& config)
      : LayerNormDecoder<S, D>(config, final_norm, Gpt2::head),
        activation_(*activation_named(config.choices.at("activation"))) {}

  /// The embedding of each token plus that of its position.
  Var<S, D> embed(const Weights<S, D>& weights, std::span<const std::int32_t> tokens,
                  const AttentionSizes& sizes) override {
    places_.resize(tokens.size());
    for (std::size_t n = 0; n < tokens.size(); ++n)
      places_[n] = static_cast<std::int32_t>(sizes.past + static_cast<Index>(n) % sizes.length);
    const auto words = neutra::embedding(weights.of_all(embedding), tokens);
    return add(words, neutra::embedding(weights.of_all(positions), std::span<const std::int32_t>(places_)));
  }
  Var<S, D> block(Layer<S, D>& layer, Var<S, D> x, const AttentionSizes& sizes) override {
    const auto h = attended(layer, x, sizes);
    const auto z = this->norm(layer, ffn_norm, h);
    return add(h, layer.adapt(Site::ffn, z, ffn(layer, z)));
  }
  Var<S, D> ffn(Layer<S, D>& layer, Var<S, D> x) override {
    const auto inner = activation(project(layer, Site::up, up_bias, x), activation_);  // (N,f)
    return project(layer, Site::down, down_bias, inner);
  }

 private:
  using Site = adapter::Site;

  /// x + attention; intermediate values are released at the end of the scope.
  Var<S, D> attended(Layer<S, D>& layer, Var<S, D> x, const AttentionSizes& sizes) {
    typename Tape<S, D>::Scope scope(layer.pass.tape);
    const auto z = this->norm(layer, attention_norm, x);
    const auto queries = project(layer, Site::q, q_bias, z);
    const auto keys = project(layer, Site::k, k_bias, z);
    const auto values = project(layer, Site::v, v_bias, z);
    const auto joined = project(layer, Site::o, o_bias, attention(queries, keys, values, sizes));
    return scope.keep(add(x, layer.adapt(Site::attention, z, joined)));
  }

  /// x W^T + b, adapted.
  Var<S, D> project(Layer<S, D>& layer, Site site, OfLayer bias, Var<S, D> x) {
    const auto w = layer.weight(site), b = layer.weight(bias);
    return layer.adapt(site, x, linear(x, w, b));
  }

  Activation activation_;
  std::vector<std::int32_t> places_;  // the position of each token; a member, so that a step allocates no memory
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::family
