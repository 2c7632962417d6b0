/// How far a model's predictions have moved from those of its backbone.
#pragma once

#include "neutra/op/kl_divergence.hpp"
#include "neutra/train/evaluation.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stop_token>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// The mean KL(backbone || model) of the distributions of the next token, in nats, over at most `windows` windows of
/// the text, evenly spread. Empty for a text without tokens. Error: Stopped; Diverged for a value that is not finite.
inline std::optional<double> divergence(Model& model, Model& backbone, Tape<float, DefaultDevice>& tape,
                                        const EvaluationText& text, data::Domain domain, Index windows = 128,
                                        std::stop_token stop = {}) {
  const Index all = text.windows.count();
  double nats = 0, tokens = 0;
  // One by one, since logits are as wide as the vocabulary.
  data::for_each_spread(text.windows, all, std::min(windows, all), domain, [&](const data::Batch& part) {
    if (stop.stop_requested()) throw Stopped("stopped during evaluation");
    tape.start(false);
    const auto teacher = backbone.logits(tape, tokens_of(part)), logits = model.logits(tape, tokens_of(part));
    nats += static_cast<double>(kl_divergence(logits, teacher, static_cast<const float*>(nullptr), 1).item());
    tokens += static_cast<double>(part.tokens());
  });
  if (!std::isfinite(nats)) throw Diverged("evaluation: the divergence from the backbone is not finite");
  if (tokens == 0) return std::nullopt;
  return std::max(0.0, nats) / tokens;  // rounding may leave a little less than 0
}

}}}  // namespace neutra::NEUTRA_ABI::train
