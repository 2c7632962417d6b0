/// What decoders with layer norms share.
#pragma once

#include "neutra/nn/family.hpp"
#include "neutra/op/activation.hpp"
#include "neutra/op/layer_norm.hpp"

#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// Error: grouped heads, or heads that are not as wide as the stream together.
inline void check_heads(const Config& config, std::string_view family, std::string& faults) {
  if (config.kv_heads != config.heads) faults += concat("; a ", family, " has as many kv_heads as heads");
  if (config.head_width > 0 && config.heads * config.head_width != config.dim)
    faults += concat("; dim must be heads times head width, got ", config.dim, ", ", config.heads, " and ",
                     config.head_width);
}

/// A decoder whose norms are layer norms, and whose FFN is not gated. The bias of each norm follows its weight in the
/// list of weights. Config::choices: activation.
template <Scalar S, Backend D> class LayerNormDecoder : public Decoder<S, D> {
 public:
  Var<S, D> normalise(const Weights<S, D>& weights, Var<S, D> x) override {
    const auto scale = weights.of_all(final_norm_), bias = weights.of_all(final_norm_ + 1);
    return layer_norm(x, scale, bias, epsilon_);
  }
  Var<S, D> head(const Weights<S, D>& weights) override { return weights.of_all(head_); }
  Var<S, D> ffn(Layer<S, D>& layer, Var<S, D> x) override {
    return layer.project(adapter::Site::down, units(layer, x));
  }

 protected:
  /// final_norm, own_head: indices in WeightList::of_all; a tied head is the embedding, the first of these.
  LayerNormDecoder(const Config& config, Index final_norm, Index own_head)
      : epsilon_(static_cast<S>(config.norm_epsilon)),
        activation_(*activation_named(config.choices.at("activation"))),
        final_norm_(final_norm),
        head_(config.tied ? 0 : own_head) {}

  /// scale: an index in WeightList::of_layer
  Var<S, D> norm(Layer<S, D>& layer, Index scale, Var<S, D> x) {
    const auto w = layer.weight(scale), b = layer.weight(scale + 1);
    return layer_norm(x, w, b, epsilon_);
  }
  /// stream + the FFN of the norm of x at `scale`
  Var<S, D> add_ffn(Layer<S, D>& layer, Var<S, D> stream, Index scale, Var<S, D> x) {
    const auto z = norm(layer, scale, x);
    return layer.join(stream, adapter::Site::ffn, z, adapter::Site::down, units(layer, z));
  }

 private:
  /// x: (N,d)  result: (N,f)
  Var<S, D> units(Layer<S, D>& layer, Var<S, D> x) {
    return activation(layer.project(adapter::Site::up, x), activation_);
  }

  S epsilon_;
  Activation activation_;
  Index final_norm_, head_;
};

}}}  // namespace neutra::NEUTRA_ABI::nn
