/// What must fit together before a study begins.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/core/error.hpp"
#include "neutra/data/mix.hpp"
#include "neutra/nn/config.hpp"
#include "neutra/penalty/family.hpp"
#include "neutra/study/job.hpp"
#include "neutra/study/options.hpp"
#include "neutra/train/corpus.hpp"

#include <algorithm>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

namespace detail {

/// Error: several alphas for a penalty that counts original text alone, of which training draws none. mix: of the first
/// seed, which alpha is chosen with.
inline void check_alphas(const Options& options, const adapter::Registry& registry, const data::Mix& mix) {
  const bool neutral = std::find(options.methods.begin(), options.methods.end(), "neutral") != options.methods.end();
  if (!neutral || options.alphas.size() < 2 ||
      registry.penalties.find(options.penalty).counts != penalty::Counts::original)
    return;
  const Index drawn = mix.original_in_step(
      0, options.steps * options.batch);  // those of all steps, since slots are numbered on from step to step
  require(drawn > 0, "--alpha must be one value with --share ", options.share, ", got ", options.alphas.size(),
          " of them: --penalty ", options.penalty, " counts original text alone, of which the ", options.steps,
          " steps of ", options.batch,
          " sequences draw none, and every alpha would give the same run; choose one, or a larger --share");
}

}  // namespace detail

/// Error: a tokenizer, sequence or adapter that does not fit the model; a text shorter than one sequence; several
/// alphas that make no difference.
inline void check_fit(const Options& options, const train::Corpus& corpus, const adapter::Registry& registry,
                      const nn::Config& config) {
  require(config.vocabulary >= corpus.tokenizer->vocab(), "--model: the tokenizer has ", corpus.tokenizer->vocab(),
          " tokens, the model only ", config.vocabulary, "; use the tokenizer it was trained with");
  require(options.sequence <= config.context, "--sequence must not exceed the model's context of ", config.context,
          ", got ", options.sequence);
  for (const std::string& method : options.methods) adapter_of(method, options, registry).describe(config.sizes());
  detail::check_alphas(options, registry, data::Mix(corpus.train_original, corpus.train_target, options.share, 1));
  if (options.model.empty()) data::Mix(corpus.train_original, {}, 1.0, 1);
}

}}}  // namespace neutra::NEUTRA_ABI::study
