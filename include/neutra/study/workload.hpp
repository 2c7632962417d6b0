/// The amount of work in a study, from which the progress line estimates the remaining time.
#pragma once

#include "neutra/study/options.hpp"
#include "neutra/train/corpus.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// Work in tokens of a forward and backward pass through a frozen backbone. Options and corpus must outlive it.
class Workload {
 public:
  Workload(const Options& options, const train::Corpus& corpus) : options_(options), corpus_(corpus) {}

  /// One extension.
  double extension(Index steps) const { return static_cast<double>(steps) * step(); }
  /// All weights train: about a third more than beside a frozen backbone.
  double pretraining() const { return static_cast<double>(options_.pretrain_steps) * step() * 1.3; }
  /// One model on all texts: forward only, a third of a step; four bytes a token is near enough for a progress line.
  double evaluation() const {
    const auto tuning = corpus_.original.tuning.bytes.size() + corpus_.target.tuning.bytes.size();
    std::size_t further = 0;
    for (const auto& [name, text] : corpus_.further_texts) further += text.bytes.size();
    return static_cast<double>(tuning + corpus_.original.valid.bytes.size() + corpus_.target.valid.bytes.size() +
                               further) /
           4 / 3;
  }
  /// The whole study: pretraining, the backbone's evaluation, and every extension with its own.
  double total() const {
    double jobs = 0;
    for (const Method& method : options_.methods) {
      const double tried = static_cast<double>(options_.rates_of(method).size()),
                   more_seeds = static_cast<double>(options_.seeds - 1);
      const double alphas = static_cast<double>(options_.tried_alphas(method).size());
      // the rates again at the selected alpha, and the paper's alpha beside it
      const double more_alphas = alphas > 1 ? alphas - 1 + tried - 1 + more_seeds : 0;
      jobs += tried + more_seeds * (options_.whole_curve ? tried : 1) + more_alphas;
    }
    return jobs * (extension(options_.steps) + evaluation()) + (options_.model.empty() ? pretraining() : 0) +
           evaluation();
  }

 private:
  double step() const { return static_cast<double>(options_.batch * options_.sequence); }
  const Options& options_;
  const train::Corpus& corpus_;
};

}}}  // namespace neutra::NEUTRA_ABI::study
