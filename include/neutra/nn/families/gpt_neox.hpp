/// GPT-NeoX and Pythia.      Black et al. 2022, arXiv 2204.06745
#pragma once

#include "neutra/nn/layer_norm_decoder.hpp"
#include "neutra/nn/llama_keys.hpp"
#include "neutra/nn/rope_family.hpp"
#include "neutra/nn/rope_tables.hpp"
#include "neutra/op/attention.hpp"
#include "neutra/op/embedding.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace family {

/// Layer norms, biases, an ungated FFN, RoPE of a part of each head. In parallel layers the FFN reads a norm of what
/// enters the layer, in others a norm of the stream after attention. The fused q, k and v of a file, which alternate by
/// head, are three weights here, so that each is a site.
struct GptNeoX : RopeFamily<GptNeoX> {
  static constexpr std::string_view name = "gpt_neox";
  static constexpr const char* architecture = "GPTNeoXForCausalLM";
  static constexpr std::array<std::string_view, 3> settings = {"rotated_share", "parallel_residual", "attention_bias"};

  enum OfLayer : Index { attention_norm, attention_norm_bias, ffn_norm, ffn_norm_bias };  // then the projections
  enum OfAll : Index { embedding, final_norm, final_norm_bias, own_head };

  static void complete(Config& config, std::string& faults) {
    config.choices.try_emplace("activation", "gelu");
    config.numbers.try_emplace("parallel_residual", 1);
    config.numbers.try_emplace("attention_bias", 1);
    RopeFamily<GptNeoX>::complete(config, faults);
    check_heads(config, name, faults);
  }

  static WeightList weights(const Config& c) {
    using adapter::Site;
    const Index d = c.dim, f = c.ffn;
    const bool biased = c.numbers.at("attention_bias") != 0;
    const InitialDistribution zero{}, one{.value = 1}, normal{.deviation = 0.02},
        writes{.deviation = 0.02 / std::sqrt(2.0 * static_cast<double>(c.layers))};
    WeightList list{.layers = c.layers,
                    .layer_prefix = "gpt_neox.layers.",
                    .of_layer = {{"input_layernorm.weight", {d}, one},
                                 {"input_layernorm.bias", {d}, zero},
                                 {"post_attention_layernorm.weight", {d}, one},
                                 {"post_attention_layernorm.bias", {d}, zero}},
                    .of_all = {{"gpt_neox.embed_in.weight", {c.vocabulary, d}, normal},
                               {"gpt_neox.final_layer_norm.weight", {d}, one},
                               {"gpt_neox.final_layer_norm.bias", {d}, zero}},
                    .ignored = {".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq"}};  // in old files
    const auto matrix = [&](Site site, std::string_view weight, std::string_view bias, const Shape& shape,
                            bool has_bias, bool to_stream, const Storage& stored = {},
                            const Storage& stored_bias = {}) {
      list.of_layer.push_back({weight, shape, to_stream ? writes : normal, site, stored, to_stream});
      if (has_bias) list.of_layer.push_back({bias, {shape.rows()}, zero, {}, stored_bias, to_stream, site});
    };
    const auto of_heads = [&](Site site, std::string_view weight, std::string_view bias, Index part) {
      const Storage rows{"attention.query_key_value.weight", false, part * c.head_width, 3 * d, c.head_width};
      Storage of_bias = rows;
      of_bias.name = "attention.query_key_value.bias";
      matrix(site, weight, bias, {d, d}, biased, false, rows, of_bias);
    };
    of_heads(Site::q, "attention.q.weight", "attention.q.bias", 0);
    of_heads(Site::k, "attention.k.weight", "attention.k.bias", 1);
    of_heads(Site::v, "attention.v.weight", "attention.v.bias", 2);
    matrix(Site::o, "attention.dense.weight", "attention.dense.bias", {d, d}, biased, true);
    matrix(Site::up, "mlp.dense_h_to_4h.weight", "mlp.dense_h_to_4h.bias", {f, d}, true, false);
    matrix(Site::down, "mlp.dense_4h_to_h.weight", "mlp.dense_4h_to_h.bias", {d, f}, true, true);
    list.add_head({"embed_out.weight", {c.vocabulary, d}, normal}, c.tied);
    return list;
  }

  /// Defaults: those of read_llama, but layer_norm_eps 1e-5, hidden_act gelu, rotary_emb_base 10000, rotary_pct 0.25,
  /// use_parallel_residual true, attention_bias true. rope_parameters (transformers 5) take precedence over
  /// rotary_emb_base and rotary_pct.
  template <class Reader> static Config read(const Reader& file) {
    Config config = read_llama(file, {.theta = file.number("rotary_emb_base", 10000.0),
                                      .epsilon = 1e-5,
                                      .epsilon_key = "layer_norm_eps",
                                      .activation = "gelu"});
    read_rotated(file, config, file.number("rotary_pct", 0.25));
    config.numbers["parallel_residual"] = file.flag("use_parallel_residual", true) ? 1 : 0;
    config.numbers["attention_bias"] = file.flag("attention_bias", true) ? 1 : 0;
    return config;
  }
  template <class Json> static Json write(const Config& config) {
    Json json = write_llama<Json>(config, "hidden_act", "layer_norm_eps");
    for (const char* other : {"num_key_value_heads", "head_dim"}) json.erase(other);
    json["rotary_emb_base"] = config.numbers.at("rope_theta");
    json["rotary_pct"] = detail::setting(config, "rotated_share", 1);
    json["use_parallel_residual"] = config.numbers.at("parallel_residual") != 0;
    json["attention_bias"] = config.numbers.at("attention_bias") != 0;
    return json;
  }

  template <Scalar S, Backend D> class Blocks;
};

template <Scalar S, Backend D> class GptNeoX::Blocks final : public LayerNormDecoder<S, D> {
 public:
  explicit Blocks(const Config& config)
      : LayerNormDecoder<S, D>(config, final_norm, own_head),
        parallel_(config.numbers.at("parallel_residual") != 0),
        tables_(config) {}

  Index longest_past() const override { return tables_.longest_unscaled(); }
  Var<S, D> embed(const Weights<S, D>& weights, std::span<const std::int32_t> tokens, const AttentionSizes&) override {
    return neutra::embedding(weights.of_all(embedding), tokens);
  }
  Var<S, D> block(Layer<S, D>& layer, Var<S, D> x, const AttentionSizes& sizes) override {
    const auto h = attended(layer, x, sizes);
    return this->add_ffn(layer, h, ffn_norm, parallel_ ? x : h);
  }

 private:
  using Site = adapter::Site;

  /// x + attention; intermediate values are released at the end of the scope.
  Var<S, D> attended(Layer<S, D>& layer, Var<S, D> x, const AttentionSizes& sizes) {
    typename Tape<S, D>::Scope scope(layer.pass.tape);
    const auto z = this->norm(layer, attention_norm, x);
    const DType stored = layer.intermediate_dtype({Site::q, Site::k, Site::v, Site::o});
    const auto& table = tables_.at(sizes.keys());
    const auto queries = rope(layer.project(Site::q, z), table, sizes.length, stored, sizes.past);
    const auto keys = rope(layer.project(Site::k, z), table, sizes.length, stored, sizes.past);
    const auto values = layer.project(Site::v, z, stored);
    return scope.keep(layer.join(x, Site::attention, z, Site::o, attention(queries, keys, values, sizes)));
  }

  bool parallel_;
  RopeTables<S, D> tables_;
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::family
