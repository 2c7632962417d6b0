/// What a run trains: its model, its mix of texts and the options of its trainer, and how fast that is.
#pragma once

#include "neutra/data/mix.hpp"
#include "neutra/optim/groups.hpp"
#include "neutra/study/method.hpp"
#include "neutra/study/run.hpp"
#include "neutra/study/shared.hpp"
#include "neutra/study/start.hpp"
#include "neutra/train/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// The parts of one run's trainer. What it refers to must outlive it.
struct ExtensionTraining {
  const Shared& shared;
  const Method& method;
  const Run& run;

  /// adapter: that of the method, after those that the model has already
  std::unique_ptr<train::Model> model_of(const Start& start, const train::Adapter& adapter) const {
    auto model = std::make_unique<train::Model>(start.backbone, adapter, run.seed);
    if (method.trains == Trains::model)
      model->thaw([&](const nn::Weight& weight) { return !method.freezes(weight.name, weight.kind.shape); });
    shared.set_up(*model);
    return model;
  }
  data::Mix mix() const { return {shared.corpus.train_original, shared.corpus.train_target, run.share, run.seed}; }
  train::TrainingOptions options_of(train::Model& model, const Start& start) const {
    train::TrainingOptions options = shared.training(run.lr, run.steps, run.alpha.value_or(0));
    options.adamw.groups = groups_of(model);
    options.regularisers = method.regularisers;
    options.before = start.as_it_is();
    return options;
  }

  /// Tokens per second of two of its steps, after a first one that takes memory and packs weights. Nothing is written.
  double measured_speed(const Start& start) const {
    const auto model = model_of(start, start.with(method.adapter));
    const data::Mix texts = mix();
    train::TrainingOptions options = options_of(*model, start);
    options.schedule = {.rate = 1e-6, .steps = 3, .warmup = 0};  // a rate at which nothing diverges
    train::Trainer trainer(*model, texts, options);
    trainer.advance();
    const auto begin = std::chrono::steady_clock::now();
    trainer.advance();
    trainer.advance();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    return 2 * static_cast<double>(trainer.tokens_per_step()) / seconds.count();
  }

 private:
  /// The groups of the method without those of weights that are not even thawed.
  std::vector<optim::ParameterGroup> groups_of(train::Model& model) const {
    std::vector<optim::ParameterGroup> groups = method.groups;
    const auto parameters = model.parameters();
    std::erase_if(groups, [&](const optim::ParameterGroup& group) {
      return std::none_of(parameters.begin(), parameters.end(),
                          [&](const auto* p) { return group.contains(p->name, p->value.shape()); });
    });
    return groups;
  }
};

}}}  // namespace neutra::NEUTRA_ABI::study
