/// The decoder of families that are built like a llama.
#pragma once

#include "neutra/nn/llama_keys.hpp"
#include "neutra/nn/llama_parts.hpp"
#include "neutra/nn/llama_windows.hpp"
#include "neutra/nn/rope_family.hpp"
#include "neutra/nn/rope_tables.hpp"
#include "neutra/op/attention.hpp"
#include "neutra/op/embedding.hpp"
#include "neutra/op/gated.hpp"
#include "neutra/op/rms_norm.hpp"
#include "neutra/op/rope.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// Attention and FFN, with norms, biases, windows and RoPE as `parts` and the config say.
template <Scalar S, Backend D> class LlamaBlocks : public Decoder<S, D> {
 public:
  LlamaBlocks(const Config& config, const LlamaParts& parts)
      : LlamaBlocks(config, parts, llama_weights(config, parts)) {}

  Index longest_past() const override { return tables_.longest_unscaled(); }
  Var<S, D> embed(const Weights<S, D>& weights, std::span<const std::int32_t> tokens, const AttentionSizes&) override {
    const auto words = neutra::embedding(weights.of_all(embedding), tokens);
    if (parts_.embedding_scale == 1) return words;
    return pointwise(words, op::Multiply<S>{static_cast<S>(parts_.embedding_scale)});
  }
  Var<S, D> block(Layer<S, D>& layer, Var<S, D> x, const AttentionSizes& sizes) override {
    const auto h = attended(layer, x, sizes);
    return ffn_block(layer, h, norm(layer, before_ffn_, h));
  }
  Var<S, D> ffn(Layer<S, D>& layer, Var<S, D> x) override {
    return norm(layer, after_ffn_, layer.project(Site::down, ffn_units(layer, x)));
  }
  Var<S, D> normalise(const Weights<S, D>& weights, Var<S, D> x) override {
    return rms_norm(x, weights.of_all(final_norm), epsilon_, offset_);
  }
  Var<S, D> head(const Weights<S, D>& weights) override { return weights.of_all(head_); }
  S logit_cap() const override { return static_cast<S>(parts_.logit_cap); }

 private:
  using Site = adapter::Site;
  enum OfAll : Index { embedding, final_norm, own_head };

  LlamaBlocks(const Config& config, const LlamaParts& parts, const WeightList& list)
      : parts_(parts),
        epsilon_(static_cast<S>(config.norm_epsilon)),
        offset_(static_cast<S>(parts.norm_offset)),
        head_(config.tied ? embedding : own_head),
        windowed_(digits(config, "windowed")),
        rotated_(digits(config, "rotated")),
        window_(static_cast<Index>(detail::setting(config, "window"))),
        tables_(config),
        window_tables_(config, parts.window_theta) {
    const bool before = parts.norms == LlamaParts::Norms::before;
    before_attention_ = list.kind_named("input_layernorm.weight");
    (before ? before_ffn_ : after_attention_) = list.kind_named("post_attention_layernorm.weight");
    if (!before) before_ffn_ = list.kind_named("pre_feedforward_layernorm.weight");
    after_ffn_ = list.kind_named("post_feedforward_layernorm.weight");
    q_norm_ = list.kind_named("self_attn.q_norm.weight");
    k_norm_ = list.kind_named("self_attn.k_norm.weight");
  }
  static std::string digits(const Config& config, const std::string& name) {
    const auto found = config.by_layer.find(name);
    return found == config.by_layer.end() ? std::string() : found->second;
  }

  /// x normalised by a weight of the layer; x itself if there is none.
  Var<S, D> norm(Layer<S, D>& layer, Index kind, Var<S, D> x) {
    return kind < 0 ? x : rms_norm(x, layer.weight(kind), epsilon_, offset_);
  }

  /// x + attention; intermediate values are released at the end of the scope.
  Var<S, D> attended(Layer<S, D>& layer, Var<S, D> x, const AttentionSizes& sizes) {
    typename Tape<S, D>::Scope scope(layer.pass.tape);
    return scope.keep(attention_block(layer, x, norm(layer, before_attention_, x), sizes));
  }

  /// stream + attention: project, rotate, attend, project back.      stream: (N,d)  x: (N,d), the normalised stream
  Var<S, D> attention_block(Layer<S, D>& layer, Var<S, D> stream, Var<S, D> x, AttentionSizes sizes) {
    const auto place = static_cast<std::size_t>(layer.index);
    sizes.score_scale = parts_.score_scale;
    sizes.cap = parts_.score_cap;
    if (!windowed_.empty() && windowed_[place] == '1') sizes.window = window_;
    const DType stored = layer.intermediate_dtype({Site::q, Site::k, Site::v, Site::o});
    const auto queries = rotated(layer, Site::q, q_norm_, x, sizes, stored);  // (N,H*W)
    const auto keys = rotated(layer, Site::k, k_norm_, x, sizes, stored);     // (N,K*W)
    const auto values = layer.project(Site::v, x, stored);                    // (N,K*W)
    return joined(layer, stream, Site::attention, x, Site::o, attention(queries, keys, values, sizes),
                  after_attention_);
  }

  /// Queries or keys, normalised and rotated.
  Var<S, D> rotated(Layer<S, D>& layer, Site site, Index kind, Var<S, D> x, const AttentionSizes& sizes, DType stored) {
    const bool still = !rotated_.empty() && rotated_[static_cast<std::size_t>(layer.index)] == '0';
    if (still && kind < 0) return layer.project(site, x, stored);
    auto& tables = sizes.window > 0 && parts_.window_theta > 0 ? window_tables_ : tables_;
    return rope(norm(layer, kind, layer.project(site, x)), tables.at(sizes.keys()), sizes.length, stored, sizes.past);
  }

  /// stream + down(f(gate x) * (up x))      stream: (N,d)  x: (N,d), the normalised stream
  Var<S, D> ffn_block(Layer<S, D>& layer, Var<S, D> stream, Var<S, D> x) {
    return joined(layer, stream, Site::ffn, x, Site::down, ffn_units(layer, x), after_ffn_);
  }

  /// f(gate x) * (up x)      x: (N,d)  result: (N,f)
  Var<S, D> ffn_units(Layer<S, D>& layer, Var<S, D> x) {
    const DType stored = layer.intermediate_dtype({Site::gate, Site::up, Site::down});
    const auto up = layer.project(Site::up, x, stored), gate = layer.project(Site::gate, x, stored);
    return gated(gate, up, parts_.activation);
  }

  /// stream + the last projection of a block. An adapter of the block reads x, what the block reads, and joins behind
  /// the norm of what it returns, so that the norm is the frozen model's whatever the adapter adds.
  Var<S, D> joined(Layer<S, D>& layer, Var<S, D> stream, Site block, Var<S, D> x, Site site, Var<S, D> inner,
                   Index after) {
    if (after < 0) return layer.join(stream, block, x, site, inner);
    return add(stream, layer.adapt(block, x, norm(layer, after, layer.project(site, inner))));
  }

  LlamaParts parts_;
  S epsilon_, offset_;
  OfAll head_;
  std::string windowed_, rotated_;  // a digit for each layer; empty: no layer has a window, all are rotated
  Index window_;
  RopeTables<S, D> tables_, window_tables_;
  // Indices in WeightList::of_layer; -1: the family has none.
  Index before_attention_ = -1, after_attention_ = -1, before_ffn_ = -1, after_ffn_ = -1, q_norm_ = -1, k_norm_ = -1;
};

/// A family of this kind: what a file in families/ derives from. F has, beside name, architecture, read and write,
///     static LlamaParts parts(const Config&)
/// and what RopeFamily asks for.
template <class F> struct LlamaLike : RopeFamily<F> {
  static WeightList weights(const Config& config) { return llama_weights(config, F::parts(config)); }

  template <Scalar S, Backend D> struct Blocks final : LlamaBlocks<S, D> {
    explicit Blocks(const Config& config) : LlamaBlocks<S, D>(config, F::parts(config)) {}
  };
};

}}}  // namespace neutra::NEUTRA_ABI::nn
