/// The rows of a study: each is a run with a folder, a lock and a state of its own.
#pragma once

#include "neutra/study/extension.hpp"
#include "neutra/study/plan.hpp"
#include "neutra/study/prepare.hpp"
#include "neutra/study/results.hpp"

#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// What has become of a row.
///   waiting: not begun    stopped: begun, and no process works on it    running: a process does
///   done: it has its results    failed: it diverged, and would do so again
enum class RowState { waiting, stopped, running, done, failed };

constexpr std::string_view to_string(RowState state) {
  constexpr std::array<std::string_view, 5> names = {"waiting", "stopped", "running", "done", "failed"};
  return names[static_cast<std::size_t>(state)];
}

/// The rows of one study in one folder. Several processes may hold one for the same folder and make rows side by side.
class Rows {
 public:
  Rows(const Options& options, const io::Json& config, std::stop_token stop = {}, train::Progress* progress = nullptr)
      : shared_(options, config, stop, progress,
                [stop, progress, told = false]() mutable {
                  if (stop.stop_requested()) throw train::Stopped("stopped");
                  if (progress && !std::exchange(told, true))
                    progress->message("waiting for another process that prepares the backbone");
                }),
        plan_(plan_of(options)) {}

  /// Backbone and scores, made by the first process and read by the others. Error: what was asked cannot be.
  void prepare() {
    prepare_backbone(shared_);
    train::with_run_name("backbone", [&] { measure_backbone(shared_); });
    shared_.output.release();
  }

  const std::vector<PlannedRow>& plan() const { return plan_; }
  const Method& method(std::size_t row) const { return options_.methods[plan_[row].method]; }

  /// The run of a row; none where its rate is still to be selected.
  std::optional<Run> run(std::size_t row) {
    const PlannedRow& planned = plan_[row];
    const std::optional<double> rate = planned.rate ? planned.rate : selected_rate(planned);
    if (!rate) return std::nullopt;
    return run_of(planned, *rate);
  }

  RowState state(std::size_t row) {
    const auto own = run(row);
    if (!own) {  // no rate is selected: not yet, or never, where every row of the first seed diverged
      const auto all = tried(plan_[row]);
      return all && all->empty() ? RowState::failed : RowState::waiting;
    }
    if (const Ending* ending = ending_of(row, *own))
      return std::holds_alternative<Outcome>(*ending) ? RowState::done : RowState::failed;
    if (shared_.output.run_is_locked(folder(*own))) return RowState::running;
    return std::filesystem::exists(shared_.output.run_folder(folder(*own))) ? RowState::stopped : RowState::waiting;
  }

  /// Whether it is done or has failed.
  bool ended(std::size_t row) {
    const auto own = run(row);
    return own && ending_of(row, *own);
  }
  bool sweeps_length() const { return !options_.lengths.empty(); }
  bool sweeps_share() const { return !options_.shares.empty(); }

  /// Seconds that a row will take here: as long as its method's rows have taken, or, before one has ended, as two of
  /// its steps take.
  double predicted_seconds(std::size_t row) {
    const PlannedRow& planned = plan_[row];
    const double tokens = static_cast<double>(planned.steps * options_.batch * options_.sequence);
    auto& speed = tokens_per_second_[planned.method];
    if (speed == 0) speed = measured_speed(planned.method);
    return (tokens + shared_.work.evaluation()) / speed;
  }

  /// Makes a row unless another process is making it. Whether it was made. Error: its rate is still to be selected;
  /// memory or disk did not suffice, and the row may be tried again. A row that diverges is made: it has failed.
  bool make(std::size_t row) {
    const auto own = run(row);
    require(own.has_value(), "row ", row + 1, " takes the rate that the rows of seed 1 of ",
            io::printable(method(row).label), " select; run those first");
    Extension extension(shared_, method(row), *own);
    if (!extension.lock()) return false;
    const Ending ending = extension.run();
    if (const auto* failure = std::get_if<Failure>(&ending))
      require(failure->state == FailureState::diverged, failure->reason);
    return true;
  }

  /// The rows that have ended, with the rates that were selected.
  Results results() {
    Results all = shared_.results;
    for (std::size_t row = 0; row < plan_.size(); ++row) {
      const auto own = run(row);
      const Ending* ending = own ? ending_of(row, *own) : nullptr;
      if (!ending) continue;
      if (const auto* outcome = std::get_if<Outcome>(ending))
        all.rows.push_back(outcome->row);
      else
        all.failed.push_back(std::get<Failure>(*ending));
      if (plan_[row].seed == 1) add_choice(all, plan_[row], *own);
    }
    return all;
  }

 private:
  Run run_of(const PlannedRow& row, double rate) const {
    Run run = study::run_of(options_.methods[row.method], options_, rate, row.alpha, row.seed);
    run.steps = row.steps;
    run.share = row.share;
    return run;
  }
  /// Tokens per second in training: of a row of the method that has ended, or of two steps of a run made for this.
  double measured_speed(std::size_t method) {
    for (std::size_t row = 0; row < plan_.size(); ++row) {
      const auto own = plan_[row].method == method ? run(row) : std::nullopt;
      const Ending* ending = own ? ending_of(row, *own) : nullptr;
      if (const auto* outcome = ending ? std::get_if<Outcome>(ending) : nullptr) return outcome->row.tokens_per_second;
    }
    const Method& m = options_.methods[method];
    train::Model model(shared_.backbone, m.adapter, 1);
    if (m.trains == Trains::model) model.thaw();
    shared_.set_up(model);
    const data::Mix mix(shared_.corpus.train_original, shared_.corpus.train_target, options_.share, 1);
    train::TrainingOptions training = shared_.training(1e-6, 3, 0);  // a rate at which nothing diverges
    training.schedule.warmup = 0;
    train::Trainer trainer(model, mix, training);
    trainer.advance();  // takes memory and packs weights
    const auto begin = std::chrono::steady_clock::now();
    trainer.advance();
    trainer.advance();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    return 2 * static_cast<double>(trainer.tokens_per_step()) / seconds.count();
  }

  std::string folder(const Run& run) const { return folder_of(options_, run); }

  /// How a row has ended, read once; null while it has not.
  const Ending* ending_of(std::size_t row, const Run& run) {
    const std::string name = folder(run);
    if (const auto known = endings_.find(name); known != endings_.end()) return &known->second;
    Extension extension(shared_, method(row), run);
    if (!extension.ended_before()) return nullptr;
    return &endings_.emplace(name, extension.run()).first->second;
  }

  /// The scores on the tuning split of the rows of the first seed on the same line, by rate; none while one of them has
  /// not ended.
  std::optional<std::vector<std::pair<double, Scores>>> tried(const PlannedRow& like) {
    std::vector<std::pair<double, Scores>> all;
    for (std::size_t row = 0; row < plan_.size(); ++row) {
      const PlannedRow& one = plan_[row];
      if (one.seed != 1 || !same_line(one, like)) continue;
      const Ending* ending = ending_of(row, run_of(one, *one.rate));
      if (!ending) return std::nullopt;
      if (const auto* outcome = std::get_if<Outcome>(ending))
        all.emplace_back(*one.rate, options_.chooses() ? outcome->tuning.value() : Scores{});
    }
    return all;
  }

  std::optional<double> selected_rate(const PlannedRow& row) {
    const auto all = tried(row);
    if (!all || all->empty()) return std::nullopt;
    std::vector<Scores> scores;
    for (const auto& [rate, own] : *all) scores.push_back(own);
    return (*all)[choose_rate(scores)].first;
  }

  /// Once for the rows of a line.
  void add_choice(Results& results, const PlannedRow& row, const Run& run) {
    const auto rate = selected_rate(row);
    if (!rate || *rate != run.lr) return;
    Choice& choice = results.choices.emplace_back(Choice{run});
    if (!options_.chooses()) return;  // and so nothing was held out to score on
    const auto all = tried(row).value();
    for (const auto& [other, scores] : all) choice.tried.push_back({other, scores.forgetting(), scores.learning()});
  }

  Shared shared_;
  const Options& options_ = shared_.options;
  std::vector<PlannedRow> plan_;
  std::map<std::string, Ending> endings_;            // by the run's folder
  std::map<std::size_t, double> tokens_per_second_;  // by method
};

}}}  // namespace neutra::NEUTRA_ABI::study
