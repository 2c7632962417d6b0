/// What each row of a study is and how it has ended, as the files of its folder tell: a row may take its rate from rows
/// of the same folder, and build on a row of the stage before.
#pragma once

#include "neutra/study/choice.hpp"
#include "neutra/study/extension.hpp"
#include "neutra/study/plan.hpp"
#include "neutra/study/row_state.hpp"
#include "neutra/study/shared.hpp"
#include "neutra/study/start.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// What a row is, once everything that it waits for is there.
struct RowJob {
  Run run;
  std::string builds_on, folder;
};

/// The jobs of the rows in one folder. They change while processes work there; how a row has ended is read once.
class RowJobs {
 public:
  /// Both must outlive it. previous_stage: null if the rows build on no others.
  RowJobs(Shared& shared, RowJobs* previous_stage)
      : shared_(shared), plan_(plan_of(options_)), previous_stage_(previous_stage) {}

  const std::vector<PlannedRow>& plan() const { return plan_; }
  const Method& method(std::size_t row) const { return options_.methods[plan_[row].method]; }

  /// None while the row waits for another.
  std::optional<RowJob> job(std::size_t row) { return job_of(plan_[row]); }
  /// The run of a row at a rate.
  Run run_of(const PlannedRow& row, double rate) const {
    Run run = study::run_of(options_.methods[row.method], options_, rate, row.alpha, row.seed);
    run.steps = row.steps;
    run.share = row.share;
    return run;
  }

  /// Why a row cannot be made: its rate is to be selected, or the row that it builds on to be made, or these have
  /// failed. Empty if it can.
  std::string_view waits_for(std::size_t row) {
    if (previous_stage_ && previous_stage_->selected_has_failed(plan_[row]))
      return "it builds on a row of the stage before, which has failed";
    if (!can_come(plan_[row])) return "it takes the rate that the rows of seed 1 select, and all of them have failed";
    if (!rate_of(plan_[row])) return "it takes the rate that the rows of seed 1 select; run those first";
    if (!builds_on(plan_[row])) return "it builds on a row of the stage before; run that first";
    return {};
  }

  RowState state(std::size_t row) {
    const auto ready = job(row);
    if (!ready) return can_come(plan_[row]) ? RowState::waiting : RowState::failed;
    if (const Ending* ending = ending_of(row, *ready))
      return std::holds_alternative<Outcome>(*ending) ? RowState::done : RowState::failed;
    if (shared_.output.run_is_locked(ready->folder)) return RowState::running;
    return std::filesystem::exists(shared_.output.run_folder(ready->folder)) ? RowState::stopped : RowState::waiting;
  }

  /// How a row has ended; null while it has not.
  const Ending* ending_of(std::size_t row) {
    const auto ready = job(row);
    return ready ? ending_of(row, *ready) : nullptr;
  }

  /// The scores on the tuning split of the rows of the first seed on the same line, by rate; none while one of them has
  /// not ended.
  std::optional<std::vector<std::pair<double, Scores>>> tried(const PlannedRow& on_line) {
    std::vector<std::pair<double, Scores>> all;
    for (std::size_t row = 0; row < plan_.size(); ++row) {
      const PlannedRow& one = plan_[row];
      if (one.seed != 1 || !same_line(one, on_line)) continue;
      if (previous_stage_ && previous_stage_->selected_has_failed(one)) continue;
      const Ending* ending = ending_of(row);
      if (!ending) return std::nullopt;
      if (const auto* outcome = std::get_if<Outcome>(ending))
        all.emplace_back(*one.rate, options_.chooses() ? outcome->tuning.value() : Scores{});
    }
    return all;
  }
  std::optional<double> selected_rate(const PlannedRow& on_line) {
    const auto all = tried(on_line);
    if (!all || all->empty()) return std::nullopt;
    std::vector<Scores> scores;
    for (const auto& [rate, of_rate] : *all) scores.push_back(of_rate);
    return (*all)[choose_rate(scores)].first;
  }

  /// The SHA-256 of the weights that a row builds on, empty if it builds on no other row; none until they are there.
  std::optional<std::string> builds_on(const PlannedRow& row) {
    if (!previous_stage_) return std::string();
    const auto folder = previous_stage_->folder_of_start(row);
    if (!folder) return std::nullopt;
    auto& sha256 = weights_sha256_[folder->string()];
    if (sha256.empty()) sha256 = io::file_sha256(weights_in(*folder, options_.methods[row.method].trains));
    return sha256;
  }
  /// The folder of the row that `next`, a row of the next stage, builds on, once that is done.
  std::optional<io::Path> folder_of_start(const PlannedRow& next) {
    const auto row = selected(next);
    if (!row || state(*row) != RowState::done) return std::nullopt;
    return shared_.output.run_folder(job(*row)->folder);
  }

 private:
  std::optional<double> rate_of(const PlannedRow& row) { return row.rate ? row.rate : selected_rate(row); }
  std::optional<RowJob> job_of(const PlannedRow& row) {
    const auto rate = rate_of(row);
    const auto weights = rate ? builds_on(row) : std::nullopt;
    if (!weights) return std::nullopt;
    const Run run = run_of(row, *rate);
    return RowJob{run, *weights, folder_of(options_, run, *weights)};
  }
  /// Whether a row may still be made: the rows that it waits for have not failed.
  bool can_come(const PlannedRow& row) {
    if (previous_stage_ && previous_stage_->selected_has_failed(row)) return false;
    const auto all = row.rate ? std::nullopt : tried(row);
    return !all || !all->empty();
  }

  /// The row that `next`, a row of the next stage, builds on: that of its line and seed at the selected rate. None
  /// while no rate is selected.
  std::optional<std::size_t> selected(const PlannedRow& next) {
    const auto rate = selected_rate(next);
    for (std::size_t row = 0; rate && row < plan_.size(); ++row)
      if (same_line(plan_[row], next) && plan_[row].seed == next.seed && rate_of(plan_[row]) == rate) return row;
    return std::nullopt;
  }
  bool selected_has_failed(const PlannedRow& next) {
    if (const auto row = selected(next)) return state(*row) == RowState::failed;
    const auto all = tried(next);
    return all && all->empty();
  }

  const Ending* ending_of(std::size_t row, const RowJob& ready) {
    if (const auto known = endings_.find(ready.folder); known != endings_.end()) return &known->second;
    Extension extension(shared_, method(row), ready.run, ready.builds_on);
    if (!extension.ended_before()) return nullptr;
    return &endings_.emplace(ready.folder, extension.read()).first->second;
  }

  Shared& shared_;
  const Options& options_ = shared_.options;
  std::vector<PlannedRow> plan_;
  RowJobs* previous_stage_;
  std::map<std::string, std::string> weights_sha256_;  // SHA-256 of weights of the stage before, by their folder
  std::map<std::string, Ending> endings_;              // by the run's folder
};

}}}  // namespace neutra::NEUTRA_ABI::study
