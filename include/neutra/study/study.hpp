/// The main job: one backbone, extended with every method, rate and seed, and compared.
#pragma once

#include "neutra/study/baselines.hpp"
#include "neutra/study/extension.hpp"
#include "neutra/study/prepare.hpp"
#include "neutra/study/results.hpp"
#include "neutra/study/shared.hpp"

#include <functional>
#include <map>
#include <optional>
#include <variant>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// Observers of a study; none by default.
struct Watch {
  train::Progress* progress = nullptr;
  std::function<void(const Results&)> show{};  // called whenever results.json has been written
};

/// A study. run() makes all runs, writes the results after each, and returns them. A stop request ends the current
/// step, saves, and throws Stopped.
class Study {
 public:
  Study(const Options& options, const io::Json& config, std::stop_token stop = {}, Watch watch = {})
      : shared_(options, config, std::move(stop), watch.progress), show_(std::move(watch.show)) {}

  /// Error: options, texts or model that do not fit together; damaged files; every run failed.
  const Results& run() {
    prepare_backbone(shared_);
    train::with_run_name("backbone", [&] { measure_backbone(shared_); });
    const std::string baseline = options_.baseline_label();
    std::vector<Method> methods = options_.methods;  // the baseline first, since alpha is selected by what it learns
    std::stable_partition(methods.begin(), methods.end(),
                          [&](const Method& m) { return is_baseline(m.label, baseline); });
    std::map<std::string, Alpha> alpha;  // of the methods with at least one result
    for (const Method& method : methods)
      if (const auto chosen = extend_with(method)) alpha[method.label] = chosen->alpha;
    if (options_.whole_curve)  // last, so that an interrupted study already has what tables show
      for (const Method& method : methods)
        if (alpha.contains(method.label)) extend_seeds(method, options_.rates_of(method), alpha[method.label]);
    write();
    if (results_.rows.empty())
      fail(results_.failed.front().reason, "; of ", results_.failed.size(),
           results_.failed.size() == 1 ? " run" : " runs", " none came to a result, and there is nothing to compare");
    return results_;
  }

 private:
  using Alpha = std::optional<double>;  // empty where the adapter has no local loss

  /// The best of several runs of the first seed.
  struct Tuned {
    Alpha alpha;
    double lr = 0;
    Scores scores{};
  };

  /// Tunes a method with the first seed, then runs the other seeds. Returns the selected run, empty if every run
  /// failed.
  /// 1. Tries every rate and selects the best on the tuning split. If alpha is selected too, the rates are tried at the
  ///    paper's alpha; if all of them fail there, at the next alpha, and so on.
  /// 2. If alpha is selected: tries the remaining alphas at that rate, selects one, and tries every rate at it.
  /// 3. Runs the other seeds at the selected alpha and rate, and, if it differs, at the alpha and rate of step 1.
  std::optional<Tuned> extend_with(const Method& method) {
    std::vector<Alpha> alphas;
    for (const double alpha : options_.tried_alphas(method)) alphas.push_back(alpha);
    if (alphas.empty()) alphas.push_back({});
    std::size_t tried = 0;
    std::optional<Tuned> first;
    while (!first && tried < alphas.size()) first = tune(method, alphas[tried++]);
    if (!first) return std::nullopt;
    Tuned chosen = *first;
    if (alphas.size() > 1) {
      const Alpha alpha =
          tune_alpha(method, *first, {alphas.begin() + static_cast<std::ptrdiff_t>(tried), alphas.end()});
      chosen = tune(method, alpha).value();
      if (alpha != first->alpha) extend_seeds(method, {first->lr}, first->alpha);
    }
    if (is_baseline(method.label, options_.baseline_label()))
      learned_.add(run_of(method, options_, chosen.lr, chosen.alpha, 1), chosen.scores.learning());
    extend_seeds(method, {chosen.lr}, chosen.alpha);
    return chosen;
  }

  /// Tries every rate with the first seed. Returns the best, empty if all failed.
  std::optional<Tuned> tune(const Method& method, Alpha alpha) {
    std::vector<double> rates;
    std::vector<Scores> scores;
    for (const double rate : options_.rates_of(method))
      if (const auto own = scores_of(method, rate, alpha)) {
        rates.push_back(rate);
        scores.push_back(*own);
      }
    if (rates.empty()) return std::nullopt;
    const std::size_t best = choose_rate(scores);
    Choice& choice = choice_of(method, alpha, rates[best]);
    choice.run.lr = rates[best];
    choice.tried = tried_of(rates, scores);
    return Tuned{alpha, rates[best], scores[best]};
  }

  /// Tries further alphas with the first seed, at the rate of `first`. Returns the selected alpha; without a baseline,
  /// the one that learns most.
  Alpha tune_alpha(const Method& method, const Tuned& first, const std::vector<Alpha>& further) {
    std::vector<Alpha> alphas = {first.alpha};
    std::vector<Scores> scores = {first.scores};
    for (const Alpha alpha : further)
      if (const auto own = scores_of(method, first.lr, alpha)) {
        alphas.push_back(alpha);
        scores.push_back(*own);
        choice_of(method, alpha, first.lr).tried = tried_of({first.lr}, {*own});
      }
    const double* learned = learned_.of(run_of(method, options_, first.lr, first.alpha, 1));
    const auto wanted = learned ? std::optional(*learned) : std::nullopt;
    const std::size_t chosen = choose_alpha(scores, wanted);
    const bool met = learns_enough(scores[chosen], wanted);
    const std::string baseline = options_.baseline_label(), most = "; the one that learns most was selected";
    if (!wanted)
      shared_.progress.message(concat("note: no run of ", baseline, " is left to select alpha by", most));
    else if (!met)
      shared_.progress.message(concat("note: no alpha learned within 1 % of ", baseline, most));
    for (const Alpha alpha : alphas) choice_of(method, alpha, first.lr).alpha_chosen = alpha == alphas[chosen];
    if (wanted) choice_of(method, alphas[chosen], first.lr).learns_as_baseline = met;
    return alphas[chosen];
  }

  /// The choice for a method at one alpha, added with that rate if it is missing.
  Choice& choice_of(const Method& method, Alpha alpha, double lr) {
    auto& all = results_.choices;
    const auto own = std::find_if(all.begin(), all.end(), [&](const Choice& choice) {
      return choice.run.label == method.label && choice.run.alpha == alpha;
    });
    return own != all.end() ? *own : all.emplace_back(Choice{run_of(method, options_, lr, alpha, 1)});
  }
  /// What is recorded of scores; nothing without tuning.
  std::vector<Tried> tried_of(const std::vector<double>& rates, const std::vector<Scores>& scores) const {
    std::vector<Tried> tried;
    for (std::size_t i = 0; options_.chooses() && i < rates.size(); ++i)
      tried.push_back({rates[i], scores[i].forgetting(), scores[i].learning()});
    return tried;
  }

  void extend_seeds(const Method& method, const std::vector<double>& rates, Alpha alpha) {
    for (Index seed = 2; seed <= options_.seeds; ++seed)
      for (const double rate : rates) extend(method, rate, alpha, static_cast<std::uint64_t>(seed));
  }

  /// The scores of a run of the first seed on the tuning split; empty if it failed, zero without tuning.
  std::optional<Scores> scores_of(const Method& method, double lr, Alpha alpha) {
    const Outcome* outcome = extend(method, lr, alpha, 1);
    if (!outcome) return std::nullopt;
    return options_.chooses() ? outcome->tuning.value() : Scores{};
  }

  /// The outcome of a run; null if it failed, which is reported.
  const Outcome* extend(const Method& method, double lr, Alpha alpha, std::uint64_t seed) {
    const Run run = run_of(method, options_, lr, alpha, seed);
    auto done = endings_.find(run.name());
    if (done == endings_.end()) {
      Extension extension(shared_, method, run);
      const bool known = extension.ended_before();
      done = endings_.emplace(run.name(), extension.run(shared_.start)).first;
      record(done->second, extension.folder());
      if (!known) write();
    }
    return std::get_if<Outcome>(&done->second);
  }

  void record(const Ending& ending, const io::Path& folder) {
    if (const auto* outcome = std::get_if<Outcome>(&ending)) {
      results_.rows.push_back(outcome->row);
      return;
    }
    const Failure& failure = results_.failed.emplace_back(std::get<Failure>(ending));
    const std::string further = failure.state == FailureState::diverged
                                    ? concat("diverged and is left out; to repeat it delete ", folder.string())
                                    : std::string("is left out; --resume tries it again");
    shared_.progress.message(concat("note: ", failure.reason, "; the run ", further));
  }

  /// Writes the results and the report so far. Not called for a row that is only read back: otherwise a resumed study
  /// would lose rows for a while.
  void write() const {
    write_results(shared_.output.folder() / "results.json", results_);
    if (show_) show_(results_);
  }

  Shared shared_;
  std::function<void(const Results&)> show_;
  const Options& options_ = shared_.options;
  Results& results_ = shared_.results;
  std::map<std::string, Ending> endings_;  // of this study, by the run's name
  Baselines<double> learned_;              // learning on the tuning split
};

}}}  // namespace neutra::NEUTRA_ABI::study
