/// A llama small enough to check number by number, and the operations of its tests: a pass, training steps.
#pragma once

#include "neutra/adapter/residue.hpp"
#include "neutra/backend/device.hpp"
#include "neutra/body/any.hpp"
#include "neutra/gate/any.hpp"
#include "neutra/init/any.hpp"
#include "neutra/nn/transformer.hpp"
#include "neutra/optim/adamw.hpp"
#include "neutra/penalty/any.hpp"
#include "neutra/testing/check_gradient.hpp"

#include <algorithm>

namespace neutra { inline namespace NEUTRA_ABI { namespace testing {

/// Any composition of policies as one type, so that the model is compiled only once.
template <Scalar S, Backend D = DefaultDevice>
using AnyResidue = adapter::Residue<gate::Any<S, D>, body::Any<S, D>, penalty::Any<S, D>, init::Any>;

/// Odd sizes; two query heads share one key/value head.
inline nn::Config tiny_config(Index layers = 2) {
  return {.vocabulary = 19,
          .dim = 12,
          .ffn = 10,
          .layers = layers,
          .heads = 2,
          .kv_heads = 1,
          .head_width = 6,
          .context = 8};
}

/// Random weights of standard deviation 0.3, the same numbers for every scalar. The first channel of every embedding is
/// 4, so that a gate weight on that channel alone opens or closes all tokens.
template <Scalar S, Backend D = DefaultDevice>
std::shared_ptr<const nn::Backbone<S, D>> tiny_backbone(const nn::Config& config = tiny_config(),
                                                        const nn::Use<S>& use = {}) {
  const auto draw = [](const nn::Weight& made) {
    const Shape& shape = made.kind.shape;
    const auto site = made.kind.site;
    Tensor<S, Host> drawn = random_tensor<S, Host>(shape, made.name, 0.3);
    for (Index i = 0; i < drawn.size(); ++i) drawn.data()[i] = static_cast<S>(static_cast<float>(drawn.data()[i]));
    for (Index i = 0; shape.rank() == 1 && i < drawn.size(); ++i) drawn.data()[i] = S(1) + drawn.data()[i] / S(4);
    for (Index n = 0; made.name == "model.embed_tokens.weight" && n < shape.rows(); ++n)
      drawn.data()[n * shape.cols()] = S(4);
    for (Index c = 0; (site == adapter::Site::o || site == adapter::Site::down) && c < shape.cols(); ++c)
      drawn.data()[c] /= S(8);  // blocks leave that channel almost unchanged
    return on_device<S, D>(drawn);
  };
  return std::make_shared<const nn::Backbone<S, D>>(config, draw, use);
}

/// Sequences of random tokens with their domains; two of each by default.
struct TinyBatch {
  Index length;
  std::vector<std::uint8_t> domains;
  std::vector<std::int32_t> inputs, targets;

  explicit TinyBatch(std::vector<std::uint8_t> labels = {0, 1, 1, 0}, std::uint64_t seed = 1, Index tokens = 5)
      : length(tokens), domains(std::move(labels)) {
    const Philox random(seed, "tiny batch");
    for (std::uint64_t i = 0; i < 2 * domains.size() * static_cast<std::size_t>(length); ++i)
      (i % 2 ? targets : inputs).push_back(static_cast<std::int32_t>(random.uniform(0, i) * 19));
  }
  nn::Tokens tokens() const { return {static_cast<Index>(domains.size()), length, inputs, targets, domains}; }
  nn::StepCounts counts() const {
    return {static_cast<Index>(inputs.size()),
            length * static_cast<Index>(std::count(domains.begin(), domains.end(), std::uint8_t{0}))};
  }
};

/// Sets every parameter that starts at zero to random values. At zero a body outputs nothing, and its other matrices
/// get no gradient.
template <Scalar S, Backend D>
void fill_zero_parameters(const std::vector<Parameter<S, D>*>& parameters, double scale = 0.3) {
  for (auto* parameter : parameters) {
    const std::vector<S> value = from_device(parameter->value);
    if (std::any_of(value.begin(), value.end(), [](S x) { return x != S(0); })) continue;
    const auto drawn = random_tensor<float, Host>(parameter->value.shape(), parameter->name, scale);
    D::template upload<S>(std::vector<S>(drawn.data(), drawn.data() + drawn.size()), parameter->value.data());
  }
}

/// All numbers of a pass, concatenated: logits at inference, losses, and the gradient of every trained parameter.
struct Numbers {
  std::vector<double> logits, losses, gradients;
};

template <class A, Scalar S, Backend D>
Numbers numbers_of(nn::Transformer<A, S, D>& model, const TinyBatch& batch, S alpha) {
  Numbers numbers;
  Tape<S, D> tape;
  tape.start(false);
  const auto logits = from_device<D>(model.logits(tape, batch.tokens()).value());
  numbers.logits.assign(logits.begin(), logits.end());
  tape.start();
  const auto losses = model.loss(tape, batch.tokens(), batch.counts());
  numbers.losses = {static_cast<double>(losses.lm.item()),
                    losses.local ? static_cast<double>(losses.local->item()) : 0};
  for (auto* parameter : model.parameters()) parameter->has_gradient = false;
  tape.backward(losses.total(alpha));
  for (auto* parameter : model.parameters()) {
    if (!parameter->trained) continue;
    const auto gradient = from_device(parameter->gradient);
    numbers.gradients.insert(numbers.gradients.end(), gradient.begin(), gradient.end());
  }
  return numbers;
}

/// ||a - b|| / ||b||; infinity if sizes differ or a number is not finite.
inline double relative_difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double error = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    error += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  const double relative = std::sqrt(error) / (std::sqrt(size) + 1e-300);
  return std::isfinite(relative) ? relative : std::numeric_limits<double>::infinity();
}

/// The loss (with alpha times the local loss) before each of `steps` training steps on one batch, and after the last.
template <class A, Scalar S, Backend D>
std::vector<double> train_on(nn::Transformer<A, S, D>& model, const TinyBatch& batch, int steps = 20,
                             double rate = 2e-2, S alpha = S(0.1), const optim::AdamWOptions& options = {}) {
  optim::AdamW<S, D> adamw(model.parameters(), options);
  Tape<S, D> tape;
  std::vector<double> losses;
  for (int step = 0; step <= steps; ++step) {
    tape.start();
    const auto loss = model.loss(tape, batch.tokens(), batch.counts()).total(alpha);
    losses.push_back(static_cast<double>(loss.item()));
    if (step == steps) break;
    tape.backward(loss);
    adamw.step(rate, adamw.gradient_norm());
  }
  return losses;
}

}}}  // namespace neutra::NEUTRA_ABI::testing
