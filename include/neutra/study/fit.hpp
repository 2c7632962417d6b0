/// Checks, before a study begins, that options, texts and model fit together.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/data/mix.hpp"
#include "neutra/nn/families.hpp"
#include "neutra/penalty/family.hpp"
#include "neutra/study/options.hpp"
#include "neutra/train/corpus.hpp"
#include "neutra/train/stopped.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

namespace detail {

/// Error: several alphas for a local loss that counts original text only, if training draws none. mix: that of the
/// first seed, with which alpha is selected.
inline void check_alphas(const Options& options, const data::Mix& mix) {
  for (const Method& method : options.methods) {
    const std::size_t tried = options.alphas_of(method).size();
    if (tried < 2 || method.adapter.local_loss() != penalty::Counts::original) continue;
    const Index drawn = mix.original_in_step(
        0, options.steps * options.batch);  // of all steps: slots are numbered consecutively across steps
    require(drawn > 0, "--alpha must be one value with --share ", options.share, ", got ", tried,
            " of them: the local loss of ", method.label, " counts original text alone, of which the ", options.steps,
            " steps of ", options.batch,
            " sequences draw none, and every alpha would give the same run; choose one, or a larger --share");
  }
}

/// Error: an adapter that does not fit the model; a method that trains nothing; an adapter with weights in a method
/// that trains the whole model.
inline void check_adapter_fits(const Method& method, const nn::Config& config) {
  const Index weights =
      train::with_run_name(method.label, [&] { return method.adapter.describe(config.sizes()).weights; });
  require(weights > 0 || method.trains == Trains::model, "the method ", method.label,
          " trains nothing; give it an adapter with weights, or trains=model");
  require(weights == 0 || method.trains == Trains::adapter, "the method ", method.label,
          " must train the whole model without an adapter, got one of ", weights, " weights; leave one of them out");
}

/// Error: an adapter that a model with an adapter cannot be extended by.
inline void check_extends(const Method& method) {
  require(!method.adapter.must_be_first(), "the method ", method.label, ": ", method.adapter.kind(),
          " must extend a model without an adapter, since it would not start as one that has an adapter already; use "
          "another method, or --model with the backbone alone");
}

/// The names and shapes of the parameters of a method.
inline std::vector<std::pair<std::string, Shape>> parameters_of(const Method& method, const nn::Config& config) {
  std::vector<std::pair<std::string, Shape>> all;
  if (method.trains == Trains::model) {
    const nn::WeightList list = nn::weight_list(config);
    for (Index index = 0; index < list.count(); ++index) {
      const nn::Weight weight = list.at(index);
      all.emplace_back(weight.name, weight.kind.shape);
    }
  } else {
    // On a backbone of zeros: the backbone of the study may not be trained yet.
    const auto zeros = std::make_shared<const train::Backbone>(
        config, [](const nn::Weight& weight) { return Tensor<float, DefaultDevice>(weight.kind.shape); },
        nn::Use<float>{nn::Purpose::finetuning});
    train::Model model(zeros, method.adapter, 1);
    for (const auto* parameter : model.parameters()) all.emplace_back(parameter->name, parameter->value.shape());
  }
  return all;
}

/// Error: a parameter group that contains no parameter of the method; groups that freeze all of them.
inline void check_groups(const Method& method, const nn::Config& config) {
  if (method.groups.empty()) return;
  const auto parameters = parameters_of(method, config);
  for (const optim::ParameterGroup& group : method.groups) {
    const bool used = std::any_of(parameters.begin(), parameters.end(),
                                  [&](const auto& one) { return group.contains(one.first, one.second); });
    require(used, "the method ", method.label, ": the parameter group '", io::printable(group.name),
            "' must contain a parameter, but does not; the first of the ", parameters.size(), " is ",
            parameters.front().first);
  }
  require(!std::all_of(parameters.begin(), parameters.end(),
                       [&](const auto& one) { return method.freezes(one.first, one.second); }),
          "the method ", method.label, " trains nothing; all of its ", parameters.size(), " parameters are frozen");
}

/// Error: a regulariser without what it needs: trained weights of the backbone, original text, or sequences of it.
inline void check_regularisers(const Options& options, const data::Windows& original) {
  const bool has_text = original.whole() > 0;
  const bool draws = has_text && (options.share > 0 || !options.shares.empty());  // a sweep may hold a share of 0
  for (const Method& method : options.methods)
    for (const train::Regulariser& one : method.regularisers) {
      const std::string what = concat("the method ", method.label, ": ", one.name());
      require(!one.needs().trained_backbone || method.trains == Trains::model, what,
              " acts on trained weights of the backbone, of which the method has none; use it as in finetune(",
              one.name(), '=', text_of(one.settings().at(one.name())), ')');
      require(!one.needs().original_text || has_text, what,
              " needs training text of the original domain, got none; give files (--original)");
      require(
          !one.needs().original_sequences || draws, what,
          " acts on original-domain sequences, of which training draws none; give --original and a --share above 0");
    }
}

}  // namespace detail

/// Error: a tokenizer, sequence, adapter or parameter group that does not fit the model; a text shorter than one
/// sequence; several alphas that make no difference; a regulariser without what it needs; an adapter that must be the
/// first, on a model that has one.
inline void check_fit(const Options& options, const train::Corpus& corpus, const nn::Config& config) {
  require(config.vocabulary >= corpus.tokenizer->vocab(), "--model: the tokenizer has ", corpus.tokenizer->vocab(),
          " tokens, the model only ", config.vocabulary, "; use the tokenizer it was trained with");
  require(options.sequence <= config.context, "--sequence must not exceed the model's context of ", config.context,
          ", got ", options.sequence);
  for (const Method& method : options.methods) {
    detail::check_adapter_fits(method, config);
    if (options.adapter) detail::check_extends(method);
    detail::check_groups(method, config);
  }
  for (const double share : options.shares_run()) {
    const data::Mix mix(corpus.train_original, corpus.train_target, share, 1);
    if (options.shares.empty()) detail::check_alphas(options, mix);  // a sweep may hold a share without original text
  }
  if (options.model.empty()) data::Mix(corpus.train_original, {}, 1.0, 1);
  detail::check_regularisers(options, corpus.train_original);  // last: a text may be too short for one sequence
}

}}}  // namespace neutra::NEUTRA_ABI::study
