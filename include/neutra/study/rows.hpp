/// The rows of a study: each is a run with a folder, a lock and a state of its own.
#pragma once

#include "neutra/study/extension.hpp"
#include "neutra/study/plan.hpp"
#include "neutra/study/prepare.hpp"
#include "neutra/study/results.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
        plan_(plan_of(options)),
        previous_stage_(previous_stage) {}

  /// Backbone and scores, made by the first process and read by the others. Error: what was asked cannot be.
  void prepare() {
    if (previous_stage_)
      for (const Method& one : options_.methods) detail::check_extends(one);
    prepare_backbone(shared_);
    if (!previous_stage_) train::with_run_name("backbone", [&] { measure_backbone(shared_); });
    shared_.output.release();
  }

  /// The folder of the backbone.
  io::Path backbone() const { return options_.model.empty() ? shared_.output.backbone() : options_.model; }

  const std::vector<PlannedRow>& plan() const { return plan_; }
  const Method& method(std::size_t row) const { return options_.methods[plan_[row].method]; }

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
    const auto ready = job(plan_[row]);
    if (!ready) return can_come(plan_[row]) ? RowState::waiting : RowState::failed;
    if (const Ending* ending = ending_of(row, *ready))
      return std::holds_alternative<Outcome>(*ending) ? RowState::done : RowState::failed;
    if (shared_.output.run_is_locked(ready->folder)) return RowState::running;
    return std::filesystem::exists(shared_.output.run_folder(ready->folder)) ? RowState::stopped : RowState::waiting;
  }

  /// Whether it is done or has failed.
  bool ended(std::size_t row) {
    const auto ready = job(plan_[row]);
    return ready && ending_of(row, *ready);
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

  /// Makes a row unless another process is making it. Whether it was made. Error: it waits for another row; memory or
  /// disk did not suffice, and the row may be tried again. A row that diverges is made: it has failed.
  bool make(std::size_t row) {
    const auto ready = job(plan_[row]);
    require(ready.has_value(), "row ", row + 1, " of ", io::printable(method(row).label), ": ", waits_for(row));
    Extension extension(shared_, method(row), ready->run, ready->builds_on);
    if (!extension.lock()) return false;
    const Ending ending = extension.ended_before() ? extension.read() : extension.run(start_of(plan_[row]));
    if (const auto* failure = std::get_if<Failure>(&ending))
      require(failure->state == FailureState::diverged, failure->reason);
    return true;
  }

  /// The rows that have ended, with the rates that were selected.
  Results results() {
    Results all = shared_.results;
    for (std::size_t row = 0; row < plan_.size(); ++row) {
      const auto ready = job(plan_[row]);
      const Ending* ending = ready ? ending_of(row, *ready) : nullptr;
      if (!ending) continue;
      if (const auto* outcome = std::get_if<Outcome>(ending))
        all.rows.push_back(outcome->row);
      else
        all.failed.push_back(std::get<Failure>(*ending));
      if (plan_[row].seed == 1) add_choice(all, plan_[row], ready->run);
    }
    return all;
  }

 private:
  /// What a row is, once everything that it waits for is there.
  struct Job {
    Run run;
    std::string builds_on, folder;
  };

  Run run_of(const PlannedRow& row, double rate) const {
    Run run = study::run_of(options_.methods[row.method], options_, rate, row.alpha, row.seed);
    run.steps = row.steps;
    run.share = row.share;
    return run;
  }
  std::optional<double> rate_of(const PlannedRow& row) { return row.rate ? row.rate : selected_rate(row); }
  /// None while the row waits for another.
  std::optional<Job> job(const PlannedRow& row) {
    const auto rate = rate_of(row);
    const auto weights = rate ? builds_on(row) : std::nullopt;
    if (!weights) return std::nullopt;
    const Run run = run_of(row, *rate);
    return Job{run, *weights, folder_of(options_, run, *weights)};
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
  /// The folder of the row that `next` builds on, once that is done.
  std::optional<io::Path> folder_of_start(const PlannedRow& next) {
    const auto row = selected(next);
    if (!row || state(*row) != RowState::done) return std::nullopt;
    return shared_.output.run_folder(job(plan_[*row])->folder);
  }
  /// The model that it left there.
  Start starting_model(const PlannedRow& next) {
    const Start from = previous_stage_ ? previous_stage_->starting_model(next) : shared_.start;
    return model_left_by(from, options_.methods[next.method], folder_of_start(next).value());
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
  /// What a row starts from, with its scores on the texts of this stage.
  const Start& start_of(const PlannedRow& row) {
    if (!previous_stage_) return shared_.start;
    const std::string weights = builds_on(row).value();
    if (start_ && start_->sha256 == weights) return *start_;
    start_ = previous_stage_->starting_model(row);
    const io::Path folder = shared_.output.folder() / "starts";
    io::make_folder(folder, folder.string());
    measure_start(shared_, *start_, folder / (weights.substr(0, 12) + ".json"));
    return *start_;
  }
  /// Tokens per second in training: of a row of the method that has ended, or of two steps of a run made for this.
  double measured_speed(std::size_t method) {
    for (std::size_t row = 0; row < plan_.size(); ++row) {
      const auto ready = plan_[row].method == method ? job(plan_[row]) : std::nullopt;
      const Ending* ending = ready ? ending_of(row, *ready) : nullptr;
      if (const auto* outcome = ending ? std::get_if<Outcome>(ending) : nullptr) return outcome->row.tokens_per_second;
    }
    const auto row =
        std::find_if(plan_.begin(), plan_.end(), [&](const PlannedRow& one) { return one.method == method; });
    const Run run = run_of(*row, row->rate.value());
    return Extension(shared_, options_.methods[method], run).measured_speed(start_to_time(*row));
  }
  /// What a row starts from, or, until that is there, a model of the same adapters with other weights.
  Start start_to_time(const PlannedRow& row) {
    if (!previous_stage_) return shared_.start;
    if (previous_stage_->folder_of_start(row)) return previous_stage_->starting_model(row);
    Start start = previous_stage_->start_to_time(row);
    const Method& method = options_.methods[row.method];
    if (method.trains == Trains::model) return start;
    const train::Adapter adapter = start.with(method.adapter);
    train::Model model(start.backbone, adapter, 1);
    start.adapter = train::as_fixed(adapter, model);
    return start;
  }

  /// How a row has ended, read once; null while it has not.
  const Ending* ending_of(std::size_t row, const Job& job) {
    if (const auto known = endings_.find(job.folder); known != endings_.end()) return &known->second;
    Extension extension(shared_, method(row), job.run, job.builds_on);
    if (!extension.ended_before()) return nullptr;
    return &endings_.emplace(job.folder, extension.read()).first->second;
  }

  /// The scores on the tuning split of the rows of the first seed on the same line, by rate; none while one of them has
  /// not ended.
  std::optional<std::vector<std::pair<double, Scores>>> tried(const PlannedRow& on_line) {
    std::vector<std::pair<double, Scores>> all;
    for (std::size_t row = 0; row < plan_.size(); ++row) {
      const PlannedRow& one = plan_[row];
      if (one.seed != 1 || !same_line(one, on_line)) continue;
      if (previous_stage_ && previous_stage_->selected_has_failed(one)) continue;
      const auto ready = job(one);
      const Ending* ending = ready ? ending_of(row, *ready) : nullptr;
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
    for (const auto& [rate, of_rate] : *all) scores.push_back(of_rate);
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
  Rows* previous_stage_;
  std::optional<Start> start_;                         // of the row made last, where rows build on others
  std::map<std::string, std::string> weights_sha256_;  // SHA-256 of weights of the stage before, by their folder
  std::map<std::string, Ending> endings_;              // by the run's folder
  std::map<std::size_t, double> tokens_per_second_;    // by method
};

}}}  // namespace neutra::NEUTRA_ABI::study
