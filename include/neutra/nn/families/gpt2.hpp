/// GPT-2.      Radford et al. 2019, Language Models are Unsupervised Multitask Learners
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/nn/layer_norm_decoder.hpp"
#include "neutra/nn/llama_keys.hpp"
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

  enum OfLayer : Index { attention_norm = 0, ffn_norm = 10 };  // each followed by its bias; between them projections
  enum OfAll : Index { embedding, positions, final_norm, final_norm_bias, head };

  static void complete(Config& config, std::string& faults) {
    config.choices.try_emplace("activation", "gelu_new");
    if (config.numbers.size() + config.choices.size() > 1) faults += "; the only setting of a gpt2 is activation";
    if (const std::string& activation = config.choices["activation"]; !activation_named(activation))
      faults += concat("; there is no activation \"", activation, '"');
    check_heads(config, name, faults);
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
                                 {"attn.q.bias", {d}, zero, {}, third_bias(0), false, Site::q},
                                 {"attn.k.weight", {d, d}, normal, Site::k, third(1)},
                                 {"attn.k.bias", {d}, zero, {}, third_bias(1), false, Site::k},
                                 {"attn.v.weight", {d, d}, normal, Site::v, third(2)},
                                 {"attn.v.bias", {d}, zero, {}, third_bias(2), false, Site::v},
                                 {"attn.c_proj.weight", {d, d}, writes, Site::o, turned, true},
                                 {"attn.c_proj.bias", {d}, zero, {}, {}, true, Site::o},
                                 {"ln_2.weight", {d}, one},
                                 {"ln_2.bias", {d}, zero},
                                 {"mlp.c_fc.weight", {f, d}, normal, Site::up, turned},
                                 {"mlp.c_fc.bias", {f}, zero, {}, {}, false, Site::up},
                                 {"mlp.c_proj.weight", {d, f}, writes, Site::down, turned, true},
                                 {"mlp.c_proj.bias", {d}, zero, {}, {}, true, Site::down}},
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
    config.choices["activation"] = read_activation(file, "activation_function", "gelu_new");
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
  template <class Reader> static void refuse_unsupported(const Reader& file) {
    for (const auto& [key, value] : {std::pair{"scale_attn_weights", true},
                                     {"scale_attn_by_inverse_layer_idx", false},
                                     {"add_cross_attention", false}})
      require(file.flag(key, value) == value, file.what(), ": ", key, " must be ", value, ", got ", !value,
              "; other attention is not supported");
  }
};

template <Scalar S, Backend D> class Gpt2::Blocks final : public LayerNormDecoder<S, D> {
 public:
  explicit Blocks(const Config& config) : LayerNormDecoder<S, D>(config, final_norm, Gpt2::head) {}

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
    return this->add_ffn(layer, h, ffn_norm, h);
  }

 private:
  using Site = adapter::Site;

  /// x + attention; intermediate values are released at the end of the scope.
  Var<S, D> attended(Layer<S, D>& layer, Var<S, D> x, const AttentionSizes& sizes) {
    typename Tape<S, D>::Scope scope(layer.pass.tape);
    const auto z = this->norm(layer, attention_norm, x);
    const auto queries = layer.project(Site::q, z);
    const auto keys = layer.project(Site::k, z);
    const auto values = layer.project(Site::v, z);
    return scope.keep(layer.join(x, Site::attention, z, Site::o, attention(queries, keys, values, sizes)));
  }

  std::vector<std::int32_t> places_;  // the position of each token; a member, so that a step allocates no memory
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::family
