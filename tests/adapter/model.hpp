// What the tests of adapters share: tiny models, compositions of policies, and gates that are forced open or closed.
#pragma once

#include "neutra/adapter/none.hpp"
#include "neutra/body/all.hpp"
#include "neutra/gate/all.hpp"
#include "neutra/init/he.hpp"
#include "neutra/penalty/all.hpp"
#include "neutra/testing/model_gradient.hpp"

#include "tests/catch.hpp"

using namespace neutra;
using adapter::Placement;
using testing::AnyResidue;
using testing::model_gradient_error;
using testing::relative_difference;
using testing::Slopes;
using testing::tiny_backbone;
using testing::TinyBatch;

/// A residue of the given policies, width 3, on the tiny model.
template <Scalar S, Gate G, Penalty P, Body B = body::GatedUnit>
AnyResidue<S> residue_of(const G& gate, const P& penalty, Placement placement = Placement::parallel,
                         const B& body = {}) {
  return {.gate = gate, .body = body, .penalty = penalty, .init = init::He{}, .placement = placement, .width = 3};
}

template <Scalar S, class A> nn::Transformer<A, S, Cpu> tiny_model(const A& adapter, std::uint64_t seed = 1) {
  return {tiny_backbone<S>(), adapter, seed};
}

/// The logits of the tiny backbone.
template <Scalar S>
std::vector<double> backbone_logits(const TinyBatch& batch, const nn::Config& config = testing::tiny_config()) {
  nn::Transformer<adapter::None, S, Cpu> backbone(tiny_backbone<S>(config));
  Tape<S, Cpu> tape;
  tape.start(false);
  const View<const S> logits = backbone.logits(tape, batch.tokens()).value();
  return {logits.data, logits.data + logits.size()};
}

/// Tiny models of every family, with heads of their own and tied.
inline std::vector<nn::Config> tiny_configs() {
  nn::Config tied = testing::tiny_config();
  tied.tied = true;
  const nn::Config gpt2{
      .family = "gpt2", .vocabulary = 19, .dim = 6, .ffn = 5, .layers = 2, .heads = 2, .context = 6, .tied = true};
  return {testing::tiny_config(), tied, gpt2};
}

/// Gates that read only the first channel, which is positive for every token: all open, or all closed.
template <Scalar S> void force_gates(const std::vector<Parameter<S, Cpu>*>& parameters, bool open) {
  for (auto* parameter : parameters) {
    auto& w = parameter->value;
    const Index cols = w.shape().cols();
    const bool hidden = parameter->name.ends_with(".gate_hidden"), last = parameter->name.ends_with(".gate");
    const bool reads_x = cols == testing::tiny_config().dim;
    for (Index i = 0; (hidden || last) && i < w.size(); ++i) {
      const bool first = i % cols == 0;
      if (hidden)
        w.data()[i] = S(first);
      else
        w.data()[i] = first || !reads_x ? S(open ? 5 : -5) : S(0);
    }
  }
}

/// Share of the tokens (of both domains) whose gate is not zero, by layer; empty for gates without an exact zero.
template <Scalar S, class A>
std::vector<double> open_shares(nn::Transformer<A, S, Cpu>& model, const TinyBatch& batch) {
  adapter::Probe<S, Cpu> probe(model.config().layers);
  Tape<S, Cpu> tape;
  tape.start(false);
  model.loss(tape, batch.tokens(), batch.counts(), &probe);
  std::vector<double> shares;
  for (const auto& layer : probe.counts(0))
    if (layer.gates > 0) shares.push_back(layer.open_share());
  return shares;
}

/// Gives each gate the weight on the first channel that opens about half of the tokens.
template <Scalar S, class A> void balance_gates(nn::Transformer<A, S, Cpu>& model, const TinyBatch& batch) {
  if (open_shares(model, batch).empty()) return;
  std::size_t layer = 0;
  for (auto* parameter : model.parameters()) {
    if (parameter->name.ends_with(".gate_hidden")) {  // its first unit reads the first channel: a bias of the logit
      for (Index i = 0; i < testing::tiny_config().dim; ++i) parameter->value.data()[i] = S(i == 0);
    } else if (parameter->name.ends_with(".gate")) {
      S& bias = parameter->value.data()[0];
      std::pair<double, S> best{1, bias};
      S low = -16, high = 16;
      for (int halving = 0; halving < 30;
           ++halving) {  // the channel is positive, so that the share grows with the weight
        bias = (low + high) / 2;
        const double share = open_shares(model, batch)[layer];
        best = std::min(best, {std::abs(share - 0.5), bias});
        (share > 0.5 ? high : low) = bias;
      }
      bias = best.second;
      ++layer;
    }
  }
}
