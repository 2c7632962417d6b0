/// Evaluation: bits per byte of a text, and gate statistics.
#pragma once

#include "neutra/data/windows.hpp"
#include "neutra/train/stopped.hpp"
#include "neutra/train/trainer.hpp"

#include <algorithm>
#include <functional>
#include <numbers>
#include <stop_token>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// A text for evaluation.
struct EvaluationText {
  data::Windows windows;
  Index bytes = 0;  // of the raw text that is scored
};

/// Sums over the scored part of a text.
struct Evaluation {
  double nats = 0;
  Index tokens = 0, bytes = 0;

  double nats_per_token() const { return nats / static_cast<double>(tokens); }
  double bits_per_byte() const { return nats / (std::numbers::ln2 * static_cast<double>(bytes)); }
};

/// Predicts every scored token of the text exactly once, with context from inside its window only; a short last window
/// is included. Calls `seen(tokens)` after each batch; counts gates in `probe` if given. Error: Stopped before the end;
/// Diverged for a loss that is not finite.
inline Evaluation evaluate(Model& model, Tape<float, DefaultDevice>& tape, const EvaluationText& text,
                           data::Domain domain, Index batch, adapter::Probe<float, DefaultDevice>* probe = nullptr,
                           const std::function<void(Index)>& seen = {}, std::stop_token stop = {}) {
  Evaluation result{.bytes = text.bytes};
  data::Batch part;
  if (probe) probe->domain = static_cast<std::size_t>(domain);
  for (Index window = 0; window < text.windows.count();) {
    if (stop.stop_requested())
      throw Stopped(concat("stopped during evaluation, after ", window, " of ", text.windows.count(), " windows"));
    const Index whole = text.windows.whole() - window;
    const Index count = whole > 0 ? std::min(batch, whole) : 1;
    text.windows.read(window, count, domain, part);
    tape.start(false);
    const auto unscored = static_cast<Index>(std::count(part.targets.begin(), part.targets.end(), not_scored));
    const nn::StepCounts counts{part.tokens(), 0, unscored};
    const double mean = static_cast<double>(model.loss(tape, tokens_of(part), counts, probe).lm.item());
    if (!std::isfinite(mean))
      throw Diverged(concat("evaluation: the loss is ", mean, " in window ", window,
                            "; the weights are unusable: train them with a lower learning rate"));
    result.nats += mean * static_cast<double>(counts.scored());
    result.tokens += counts.scored();
    window += count;
    if (seen) seen(part.tokens());
  }
  return result;
}

}}}  // namespace neutra::NEUTRA_ABI::train
