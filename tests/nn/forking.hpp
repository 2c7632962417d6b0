// A model and text large enough that loops of every kind use several threads.
#pragma once

#include "neutra/adapter/any.hpp"
#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/none.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/nn/transformer.hpp"
#include "neutra/optim/adamw.hpp"

#include <omp.h>

#include <vector>

namespace forking {

using namespace neutra;
using Chosen = adapter::Any<float, Cpu>;

/// 350 rows: 5 sequences of 70 tokens, two of them of the original domain. Inputs are drawn anew in every step.
struct Batch {
  static constexpr Index sequences = 5, length = 70;
  std::vector<std::int32_t> inputs = std::vector<std::int32_t>(sequences * length), targets = inputs;
  std::vector<std::uint8_t> domains{0, 1, 1, 0, 1};

  void draw(std::uint64_t step) {
    const Philox random(3, "tokens");
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      inputs[i] = static_cast<std::int32_t>(random.uniform(step, 2 * i) * 300);
      targets[i] = static_cast<std::int32_t>(random.uniform(step, 2 * i + 1) * 30);
    }
  }
  nn::Tokens tokens() const { return {sequences, length, inputs, targets, domains}; }
  /// The counts of a step of this many batches.
  nn::StepCounts counts(Index batches = 1) const { return {batches * sequences * length, batches * 2 * length}; }
};

inline nn::Transformer<Chosen, float, Cpu> model(const Chosen& adapter, bool thaw, DType precision = DType::f32) {
  const nn::Config config{.vocabulary = 300,
                          .dim = 64,
                          .ffn = 160,
                          .layers = 2,
                          .heads = 4,
                          .kv_heads = 2,
                          .head_width = 16,
                          .context = 96};
  nn::Transformer<Chosen, float, Cpu> made(nn::Backbone<float, Cpu>::random(config, 1, {.precision = precision}),
                                           adapter, 2);
  if (thaw) made.thaw();
  return made;
}

}  // namespace forking
