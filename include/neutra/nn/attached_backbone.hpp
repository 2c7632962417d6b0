/// A backbone as the adapters attached to it see it.
#pragma once

#include "neutra/adapter/none.hpp"
#include "neutra/nn/backbone.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

template <Scalar S, Backend D> class AttachedBackbone final : public adapter::BaseModel<S, D> {
 public:
  explicit AttachedBackbone(std::shared_ptr<const Backbone<S, D>> backbone) : backbone_(std::move(backbone)) {}

  std::vector<adapter::LayerWeight<S, D>> layer(Index index) const override {
    const WeightList& list = backbone_->list();
    std::vector<adapter::LayerWeight<S, D>> all;
    for (Index kind = 0; kind < list.per_layer(); ++kind) {
      const WeightKind& of = list.of_layer[static_cast<std::size_t>(kind)];
      const auto place = static_cast<std::size_t>(list.index_in_layer(kind, index));
      all.push_back({of.name, of.site, of.to_stream, list.in_ffn(of), backbone_->weights()[place]});
    }
    return all;
  }
  Var<S, D> block(Index index, std::span<Parameter<S, D>* const> weights, Var<S, D> x, Pass<S, D>& pass) override {
    const AttentionSizes sizes = attention_sizes(backbone_->config(), pass.tokens);
    return run(index, weights, pass, [&](Layer<S, D>& layer) { return decoder_->block(layer, x, sizes); });
  }
  Var<S, D> ffn(Index index, std::span<Parameter<S, D>* const> weights, Var<S, D> x, Pass<S, D>& pass) override {
    return run(index, weights, pass, [&](Layer<S, D>& layer) { return decoder_->ffn(layer, x); });
  }

 private:
  /// f(layer), of a layer with these weights and without an adapter.
  template <class F>
  Var<S, D> run(Index index, std::span<Parameter<S, D>* const> weights, Pass<S, D>& pass, const F& f) {
    if (!decoder_) decoder_ = decoder_of<S, D>(backbone_->config());
    const Weights<S, D> in_use{pass.tape, backbone_->list(), backbone_->weights(), thawed_};
    Layer<S, D> layer{in_use, adapter_, index, pass, weights};
    return f(layer);
  }

  std::shared_ptr<const Backbone<S, D>> backbone_;
  std::unique_ptr<Decoder<S, D>> decoder_;  // made when it is first run: few adapters run any
  adapter::AttachedInstance<adapter::None, S, D> adapter_{adapter::None{}, adapter::Sizes{}, 0, nullptr};
  Thawed<S, D> thawed_;  // empty
};

}}}  // namespace neutra::NEUTRA_ABI::nn
