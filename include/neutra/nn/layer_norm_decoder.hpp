/// What decoders with layer norms share.
#pragma once

#include "neutra/nn/family.hpp"
#include "neutra/op/layer_norm.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// A decoder whose norms are layer norms. The bias of each follows its weight in the list of weights.
template <Scalar S, Backend D> class LayerNormDecoder : public Decoder<S, D> {
 public:
  Var<S, D> normalise(const Weights<S, D>& weights, Var<S, D> x) override {
    const auto scale = weights.of_all(final_norm_), bias = weights.of_all(final_norm_ + 1);
    return layer_norm(x, scale, bias, epsilon_);
  }
  Var<S, D> head(const Weights<S, D>& weights) override { return weights.of_all(head_); }

 protected:
  /// final_norm, own_head: indices in WeightList::of_all; a tied head is the embedding, the first of these.
  LayerNormDecoder(const Config& config, Index final_norm, Index own_head)
      : epsilon_(static_cast<S>(config.norm_epsilon)), final_norm_(final_norm), head_(config.tied ? 0 : own_head) {}

  /// scale: an index in WeightList::of_layer
  Var<S, D> norm(Layer<S, D>& layer, Index scale, Var<S, D> x) {
    const auto w = layer.weight(scale), b = layer.weight(scale + 1);
    return layer_norm(x, w, b, epsilon_);
  }

 private:
  S epsilon_;
  Index final_norm_, head_;
};

}}}  // namespace neutra::NEUTRA_ABI::nn
