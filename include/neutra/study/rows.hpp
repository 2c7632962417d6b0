/// The rows of a study: each is a run with a folder, a lock and a state of its own.
#pragma once

#include "neutra/study/extension.hpp"
#include "neutra/study/plan.hpp"
#include "neutra/study/prepare.hpp"
#include "neutra/study/results.hpp"
#include "neutra/study/row_jobs.hpp"
#include "neutra/study/row_starts.hpp"
#include "neutra/study/row_state.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// The rows of one study in one folder. Several processes may hold one for the same folder and make rows side by side.
/// With `previous_stage`, the rows of the stage before, each row extends a model that is extended already: the one that
/// the row of the same line and seed left there, at the rate that the stage before selected.
class Rows {
 public:
  /// previous_stage: with equal methods, lengths, shares and alphas; must outlive this.
  Rows(const Options& options, const io::Json& config, std::stop_token stop = {}, train::Progress* progress = nullptr,
       Rows* previous_stage = nullptr)
      : shared_(options, config, stop, progress,
                [stop, progress, told = false]() mutable {
                  if (stop.stop_requested()) throw train::Stopped("stopped");
                  if (progress && !std::exchange(told, true))
                    progress->message("waiting for another process that prepares the backbone");
                }),
        is_later_stage_(previous_stage != nullptr),
        jobs_(shared_, previous_stage ? &previous_stage->jobs_ : nullptr),
        starts_(shared_, jobs_, previous_stage ? &previous_stage->starts_ : nullptr) {}

  /// Backbone and scores, made by the first process and read by the others. Error: what was asked cannot be.
  void prepare() {
    if (is_later_stage_)
      for (const Method& one : options_.methods) detail::check_extends(one);
    prepare_backbone(shared_);
    if (!is_later_stage_) train::with_run_name("backbone", [&] { measure_backbone(shared_); });
    shared_.output.release();
  }

  /// The folder of the backbone.
  io::Path backbone() const { return options_.model.empty() ? shared_.output.backbone() : options_.model; }

  const std::vector<PlannedRow>& plan() const { return jobs_.plan(); }
  const Method& method(std::size_t row) const { return jobs_.method(row); }

  /// As RowJobs::waits_for.
  std::string_view waits_for(std::size_t row) { return jobs_.waits_for(row); }
  RowState state(std::size_t row) { return jobs_.state(row); }
  /// Whether it is done or has failed.
  bool ended(std::size_t row) { return jobs_.ending_of(row) != nullptr; }
  bool sweeps_length() const { return !options_.lengths.empty(); }
  bool sweeps_share() const { return !options_.shares.empty(); }

  /// Seconds that a row will take here: as long as its method's rows have taken, or, before one has ended, as two of
  /// its steps take.
  double predicted_seconds(std::size_t row) {
    const PlannedRow& planned = plan()[row];
    const double tokens = static_cast<double>(planned.steps * options_.batch * options_.sequence);
    auto& speed = tokens_per_second_[planned.method];
    if (speed == 0) speed = measured_speed(planned.method);
    return (tokens + shared_.work.evaluation()) / speed;
  }

  /// Makes a row unless another process is making it. Whether it was made. Error: it waits for another row; memory or
  /// disk did not suffice, and the row may be tried again. A row that diverges is made: it has failed.
  bool make(std::size_t row) {
    const auto ready = jobs_.job(row);
    require(ready.has_value(), "row ", row + 1, " of ", io::printable(method(row).label), ": ", waits_for(row));
    Extension extension(shared_, method(row), ready->run, ready->builds_on);
    if (!extension.lock()) return false;
    const Ending ending = extension.ended_before() ? extension.read() : extension.run(starts_.of(plan()[row]));
    if (const auto* failure = std::get_if<Failure>(&ending))
      require(failure->state == FailureState::diverged, failure->reason);
    return true;
  }

  /// The rows that have ended, with the rates that were selected.
  Results results() {
    Results all = shared_.results;
    for (std::size_t row = 0; row < plan().size(); ++row) {
      const Ending* ending = jobs_.ending_of(row);
      if (!ending) continue;
      if (const auto* outcome = std::get_if<Outcome>(ending))
        all.rows.push_back(outcome->row);
      else
        all.failed.push_back(std::get<Failure>(*ending));
      if (plan()[row].seed == 1) add_choice(all, plan()[row], jobs_.job(row)->run);
    }
    return all;
  }

 private:
  /// Tokens per second in training: of a row of the method that has ended, or of two steps of a run made for this.
  double measured_speed(std::size_t method) {
    for (std::size_t row = 0; row < plan().size(); ++row) {
      const Ending* ending = plan()[row].method == method ? jobs_.ending_of(row) : nullptr;
      if (const auto* outcome = ending ? std::get_if<Outcome>(ending) : nullptr) return outcome->row.tokens_per_second;
    }
    const auto row =
        std::find_if(plan().begin(), plan().end(), [&](const PlannedRow& one) { return one.method == method; });
    const Run run = jobs_.run_of(*row, row->rate.value());
    return Extension(shared_, options_.methods[method], run).measured_speed(starts_.for_timing(*row));
  }

  /// Once for the rows of a line.
  void add_choice(Results& results, const PlannedRow& row, const Run& run) {
    const auto rate = jobs_.selected_rate(row);
    if (!rate || *rate != run.lr) return;
    Choice& choice = results.choices.emplace_back(Choice{run});
    if (!options_.chooses()) return;  // and so nothing was held out to score on
    const auto all = jobs_.tried(row).value();
    for (const auto& [other, scores] : all) choice.tried.push_back({other, scores.forgetting(), scores.learning()});
  }

  Shared shared_;
  const Options& options_ = shared_.options;
  bool is_later_stage_;  // its rows build on those of the stage before
  RowJobs jobs_;
  RowStarts starts_;
  std::map<std::size_t, double> tokens_per_second_;  // by method
};

}}}  // namespace neutra::NEUTRA_ABI::study
