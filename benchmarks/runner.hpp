// A model of small_models.hpp in one mode, ready to step, on 8 sequences of 256 random tokens, the first of the
// original domain. The first channel of a token decides whether its gates are open.
#pragma once

#include "small_models.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace small_models {

using namespace neutra;

inline constexpr Index sequences = 8, length = 256, tokens = sequences * length;
inline constexpr double alpha = 0.01, rate = 1e-3;

/// Random weights, except for the first channel of the embedding, which the gates read: it is positive for the first
/// half of the vocabulary. In bf16 they are values that bf16 represents, as in checkpoints saved in bf16.
inline std::shared_ptr<const nn::Backbone<float, Cpu>> backbone_for(const nn::Config& config,
                                                                    const nn::Use<float>& use) {
  const auto random = nn::Backbone<float, Cpu>::random(config, 1, {nn::Purpose::finetuning});
  const auto draw = [&](const nn::Weight& weight) {
    Tensor<float, Cpu> w = random->weight(weight.name).copy();
    if (weight.name == "model.embed_tokens.weight")
      for (Index word = 0; word < config.vocabulary; ++word)
        w.data()[word * config.dim] = 2 * word < config.vocabulary ? 0.4f : -0.4f;
    for (Index i = 0; use.precision == DType::bf16 && i < w.size(); ++i)
      w.data()[i] = static_cast<float>(bf16(w.data()[i]));
    return w;
  };
  return std::make_shared<const nn::Backbone<float, Cpu>>(config, draw, use);
}

struct Batch {
  std::vector<std::int32_t> inputs, targets;
  std::vector<std::uint8_t> domains;

  /// Random tokens, of which exactly `open` percent are from the first half of the vocabulary.
  Batch(Index vocabulary, int open) : domains(sequences, 1) {
    domains[0] = 0;
    const Permutation order(tokens, Philox(1, "open tokens"), 0);
    const auto words = static_cast<std::uint64_t>(vocabulary) / 2;
    for (Index n = 0; n <= tokens; ++n) {
      const auto word = static_cast<std::int32_t>(Philox(1, "text").bits(0, static_cast<std::uint64_t>(n)) % words);
      inputs.push_back(n == tokens || 100 * order(n) < open * tokens ? word : word + static_cast<std::int32_t>(words));
    }
    targets.assign(inputs.begin() + 1, inputs.end());
    inputs.pop_back();
  }
  nn::Tokens view() const { return {sequences, length, inputs, targets, domains}; }
};

/// One model in one mode, ready to step.
template <class A> class Runner {
 public:
  /// `open`: percentage of tokens with open gates.
  Runner(std::shared_ptr<const nn::Backbone<float, Cpu>> backbone, Mode mode, const A& adapter, int open)
      : mode_(mode), model_(std::move(backbone), adapter, 1), batch_(model_.config().vocabulary, open) {
    if (mode == Mode::full) model_.thaw();
    for (auto* parameter : model_.parameters())
      if (parameter->name.ends_with(".gate"))
        for (Index i = 0; i < parameter->value.size(); ++i) parameter->value.data()[i] = i == 0 ? 1.0f : 0.0f;
    if (mode != Mode::forward) adamw_.emplace(model_.parameters(), optim::AdamWOptions{});
    if constexpr (!std::is_same_v<A, adapter::None>) {
      const auto d = adapter.describe(model_.config().sizes());
      extra_ = static_cast<double>(d.weights) -
               (d.kind == "residue" ? static_cast<double>(model_.config().layers * model_.config().dim) : 0.0);
    }
  }

  /// The loss before the update.
  double step() {
    tape_.start(mode_ != Mode::forward);
    const auto losses = model_.loss(tape_, batch_.view(), {tokens, length});
    const double loss = static_cast<double>(losses.lm.item());
    if (mode_ == Mode::forward) return loss;
    tape_.backward(losses.total(static_cast<float>(alpha)));
    adamw_->step(rate, adamw_->gradient_norm());
    return loss;
  }
  /// The time of one step in seconds, and its loss.
  std::pair<double, double> timed() {
    const auto start = std::chrono::steady_clock::now();
    const double loss = step();
    return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), loss};
  }
  /// The multiply-adds of the products that a step needs at least.
  double multiply_adds() const {
    return static_cast<double>(tokens) * small_models::multiply_adds(model_.config(), mode_, extra_);
  }

  nn::Transformer<A>& model() { return model_; }
  const Batch& batch() const { return batch_; }

 private:
  Mode mode_;
  nn::Transformer<A> model_;
  Batch batch_;
  Tape<float, Cpu> tape_;
  std::optional<optim::AdamW<float, Cpu>> adamw_;
  double extra_ = 0;
};

}  // namespace small_models
