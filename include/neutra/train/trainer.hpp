/// The training step, as a user would write it.
#pragma once

#include "neutra/data/mix.hpp"
#include "neutra/io/finite.hpp"
#include "neutra/nn/host.hpp"
#include "neutra/optim/adamw.hpp"
#include "neutra/optim/schedule.hpp"
#include "neutra/train/regulariser.hpp"
#include "neutra/train/stopped.hpp"
#include "neutra/train/tokens.hpp"

#include <cmath>
#include <deque>
#include <memory>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Options of a run over a mix.
struct TrainingOptions {
  Index batch = 16;      // sequences per optimizer step
  Index accumulate = 1;  // micro-batches per optimizer step
  double alpha = 0.01;   // weight of the local loss
  optim::Schedule schedule;
  optim::AdamWOptions adamw;
  std::vector<Regulariser> regularisers{};
  Adapter before = adapter::None{};  // the adapter of the model that is extended, for the regularisers
};

/// The result of one step. Losses are in nats per token, that of the text per scored token, before the update.
struct StepReport {
  Index step = 0;
  double lm = 0, local = 0, gradient_norm = 0, rate = 0;
  double regularisation = 0;  // the losses that regularisers add, with their weights
};

/// Trains a model on a mix, step by step. Its whole state is the parameters with their moments,
/// and the number of steps done.
class Trainer {
 public:
  /// Model and mix must outlive the trainer. Error: invalid options; nothing to train; a regulariser without what it
  /// needs.
  Trainer(Model& model, const data::Mix& mix, const TrainingOptions& options)
      : model_(model), mix_(mix), options_(options), adamw_(model.parameters(), options.adamw) {
    options.schedule.check();
    require(options.accumulate > 0 && options.batch % options.accumulate == 0, "training: the batch of ", options.batch,
            " sequences must be a multiple of the ", options.accumulate, " micro-batches");
    for (const Regulariser& one : options.regularisers)
      regularisers_.push_back(one.start({model, mix.original(), options_.before}));
  }

  Index steps_done() const { return adamw_.steps; }
  /// The number of steps of the whole run.
  Index steps() const { return options_.schedule.steps; }
  bool done() const { return steps_done() >= steps(); }
  optim::AdamW<float, DefaultDevice>& optimizer() { return adamw_; }
  Index tokens_per_step() const { return options_.batch * mix_.length(); }
  /// The number of weights that are trained, without those that a regulariser holds at their start.
  Index trained_weights() const {
    Index all = 0;
    for (const auto* parameter : adamw_.parameters()) all += parameter->value.size();
    for (const auto& one : regularisers_) all -= one->frozen_weights();
    return all;
  }

  /// Forward, loss, backward and update. Error: Diverged for a loss or gradient that is not finite, with the step and
  /// the largest gradient; nothing has been changed.
  StepReport advance() {
    // A step that ended in an Error has left its gradients.
    for (auto* parameter : adamw_.parameters()) parameter->has_gradient = false;
    StepReport report{.step = steps_done(), .rate = options_.schedule(steps_done())};
    model_.progress = static_cast<double>(report.step) / static_cast<double>(steps());
    const Index part = options_.batch / options_.accumulate;
    const nn::StepCounts counts{tokens_per_step(), mix_.original_in_step(report.step, options_.batch) * mix_.length(),
                                mix_.unscored_in_step(report.step, options_.batch)};
    for (Index first = 0; first < options_.batch; first += part) {
      mix_.fill(report.step, options_.batch, first, part, batch_);
      tape_.start();
      const nn::Tokens tokens = tokens_of(batch_);
      const auto losses = model_.loss(tape_, tokens, counts);
      const auto total = losses.total(static_cast<float>(options_.alpha));
      const auto more = regularisation({tokens, counts, losses});
      tape_.backward(more ? add(total, *more) : total);
      report.lm += static_cast<double>(losses.lm.item());
      if (losses.local) report.local += static_cast<double>(losses.local->item());
      if (more) report.regularisation += static_cast<double>(more->item());
    }
    for (const auto& one : regularisers_) one->change_gradients();
    report.gradient_norm = adamw_.gradient_norm();
    if (!std::isfinite(report.lm) || !std::isfinite(report.local) || !std::isfinite(report.gradient_norm))
      fail_diverged(report);
    adamw_.step(report.rate, report.gradient_norm);
    for (const auto& one : regularisers_) one->change_weights();
    return report;
  }

  /// Error: Diverged for a weight or moment that is not finite. The last update may have caused this, and no loss has
  /// been computed with it yet.
  void check_finite() const {
    for (const auto* parameter : adamw_.parameters())
      for (const auto* tensor : {&parameter->value, &parameter->mean, &parameter->variance}) {
        std::deque<Tensor<float>> copies;
        const View<const float> values = nn::on_host(*tensor, copies);
        if (io::first_not_finite(values.data, values.size()) < values.size())
          throw Diverged(concat("training: the update of step ", steps_done() - 1, " left ", parameter->name,
                                " with values or moments that are not finite; lower the learning rate (at most ",
                                options_.schedule.rate, ")"),
                         {.step = steps_done() - 1});
      }
  }

 private:
  /// The losses that regularisers add to that of a batch; empty if there are none.
  std::optional<Var<float, DefaultDevice>> regularisation(const LossOfBatch& batch) {
    std::optional<Var<float, DefaultDevice>> sum;
    for (const auto& one : regularisers_)
      if (const auto loss = one->loss(batch)) sum = sum ? add(*sum, *loss) : *loss;
    return sum;
  }
  [[noreturn]] void fail_diverged(const StepReport& report) const {
    const Divergence where = largest_gradient(report.step);
    throw Diverged(concat("training: step ", report.step, " gave a loss of ", report.lm, " (local ", report.local,
                          ") and a gradient norm of ", report.gradient_norm, ", largest in ", where.parameter, " (",
                          std::isnan(where.gradient) ? std::string("not a number") : concat(where.gradient),
                          "); lower the learning rate (now ", report.rate, ")"),
                   where);
  }
  /// The largest gradient, or the first that is NaN.
  Divergence largest_gradient(Index step) const {
    Divergence where{.step = step, .gradient = -1};
    for (const auto* parameter : adamw_.parameters()) {
      if (parameter->held) continue;
      std::deque<Tensor<float>> copies;
      const View<const float> gradient = nn::on_host(parameter->gradient, copies);
      for (Index i = 0; i < gradient.size(); ++i) {
        const double size = std::abs(static_cast<double>(gradient.data[i]));
        if (std::isnan(size)) return {step, parameter->name, size};
        if (size > where.gradient) {
          where.gradient = size;
          where.parameter = parameter->name;
        }
      }
    }
    return where;
  }
  Model& model_;
  const data::Mix& mix_;
  TrainingOptions options_;
  optim::AdamW<float, DefaultDevice> adamw_;
  Tape<float, DefaultDevice> tape_;
  data::Batch batch_;
  std::vector<std::unique_ptr<Regularisation>> regularisers_;
};

}}}  // namespace neutra::NEUTRA_ABI::train
