/// What must fit together before a study begins.
#pragma once

#include "neutra/nn/config.hpp"
#include "neutra/train/corpus.hpp"
#include "neutra/train/job.hpp"
#include "neutra/train/options.hpp"
#include "neutra/train/registry.hpp"

namespace neutra::inline NEUTRA_ABI::train {

/// Error: a tokenizer, sequence or adapter that does not fit the model; a text shorter than one sequence.
inline void check_fit(const Options& options, const Corpus& corpus, const Registry& registry, const nn::Config& config) {
  require(config.vocabulary >= corpus.tokenizer->vocab(), "--model: the tokenizer has ", corpus.tokenizer->vocab(), " tokens, the model only ",
          config.vocabulary, "; use the tokenizer it was trained with");
  require(options.sequence <= config.context, "--sequence must not exceed the model's context of ", config.context, ", got ", options.sequence);
  for (const std::string& method : options.methods) adapter_of(method, options, registry).describe(config.sizes());
  data::Mix(corpus.train_original, corpus.train_target, options.share, 1);
  if (options.model.empty()) data::Mix(corpus.train_original, {}, 1.0, 1);
}

}  // namespace neutra::inline NEUTRA_ABI::train
