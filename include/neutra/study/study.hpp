/// The main job: one backbone, extended with every method, rate and seed, and compared.
#pragma once

#include "neutra/study/extension.hpp"
#include "neutra/study/fit.hpp"
#include "neutra/study/results.hpp"
#include "neutra/study/shared.hpp"

#include <functional>
#include <map>
#include <optional>
#include <variant>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// Who watches a study; nobody by default.
struct Watch {
  train::Progress* progress = nullptr;
  std::function<void(const Results&)> show{};  // called whenever results.json has been written
};

/// Everything a study works with; run() does it, writing results after each job, and returns them. A stop request ends
/// the step at hand, saves, and throws Stopped.
class Study {
 public:
  Study(const Options& options, const io::Json& config, const adapter::Registry& registry, std::stop_token stop = {},
        Watch watch = {})
      : shared_(options, config, registry, std::move(stop), watch.progress), show_(std::move(watch.show)) {}

  /// Error: what was asked cannot be; nothing could be extended; every run failed.
  const Results& run() {
    prepare_backbone();
    train::named("backbone", [&] { measure_backbone(); });
    std::vector<std::string> methods = options_.methods;  // the vanilla adapter first: the choice of alpha looks at it
    std::stable_partition(methods.begin(), methods.end(), [](const std::string& m) { return m == "adapter"; });
    std::map<std::string, double> alpha;  // of the methods of which a run is left
    for (const std::string& method : methods)
      if (const auto chosen = extend_with(method)) alpha[method] = *chosen;
    if (options_.whole_curve)  // last, so that a run that is cut short has what tables show first
      for (const auto& method : methods)
        if (alpha.contains(method)) extend_seeds(method, options_.rates_of(method), alpha[method]);
    write();
    if (results_.rows.empty())
      fail(results_.failed.front().reason, "; of ", results_.failed.size(),
           results_.failed.size() == 1 ? " run" : " runs", " none came to a result, and there is nothing to compare");
    return results_;
  }

 private:
  // ---- backbone

  /// Everything that can be wrong with what was asked is found before the folder is claimed, and before hours of
  /// pretraining.
  void prepare_backbone() {
    const io::Path record_file = shared_.output.folder() / "pretrain.json";
    const bool given = !options_.model.empty(), pretrained = !given && std::filesystem::exists(record_file);
    const io::Path folder = given ? options_.model : shared_.output.backbone();
    io::Json record;
    if (pretrained) {  // by this program, or the claim says otherwise before its files are looked at
      claim();
      record = read_pretraining(record_file, folder);
    }
    const auto tokenizer = given || pretrained ? train::tokenizer_of(folder)
                                               : train::new_tokenizer(options_.tokenizer, options_.vocabulary,
                                                                      shared_.corpus.original.train);
    if (given) load_backbone(folder);  // after the tokenizer, since weights take long to read
    shared_.corpus.encode(tokenizer, options_.sequence);
    if (given) shared_.describe_base();
    check_fit(options_, shared_.corpus, shared_.registry,
              given ? shared_.backbone->config() : new_config(options_, *tokenizer));
    claim();
    shared_.tell_of_texts();
    if (given) return;
    shared_.progress.begin("pretraining", options_.pretrain_steps, shared_.work.pretraining());
    if (pretrained) {
      shared_.progress.skip(options_.pretrain_steps);
      std::filesystem::remove(shared_.output.run("pretrain") /
                              "checkpoint.safetensors");  // where a kill came between the record and this
    } else {
      record = pretrain(new_config(options_, *tokenizer));
    }
    load_backbone(folder);
    shared_.describe_base();
    results_.config["pretraining"] = record;
    check_fit(options_, shared_.corpus, shared_.registry, shared_.backbone->config());
  }

  void load_backbone(const io::Path& folder) {
    shared_.backbone = nn::load_model<float, Cpu>(folder, {.precision = dtype_named(options_.precision)});
  }
  void claim() { shared_.output.claim(shared_.asked(), options_of_choice); }

  io::Json pretrain(const nn::Config& config) {
    train::Model model(train::Backbone::random(config, 1, {nn::Purpose::finetuning, dtype_named(options_.precision)}),
                       adapter::None{});
    model.thaw();
    shared_.set_up(model);
    const data::Mix mix(shared_.corpus.train_original, {}, 1.0, 1);
    train::Trainer trainer(model, mix, shared_.training(options_.pretrain_lr, options_.pretrain_steps, 0));
    const train::RunPlace place{shared_.output.run("pretrain"), shared_.identity("pretrain"), &shared_.progress,
                                shared_.stop};
    const double seconds = train::run_training(trainer, place);
    save_model(shared_.output.backbone(), model, *shared_.corpus.tokenizer);
    const io::Json record = pretraining_record(place.folder / "log.jsonl", options_.pretrain_steps, seconds,
                                               trainer.steps() * trainer.tokens_per_step());
    write_pretraining(shared_.output.folder() / "pretrain.json", record, shared_.output.backbone());
    std::filesystem::remove(place.folder / "checkpoint.safetensors");  // the model is on disk now
    return record;
  }

  /// Bits per byte of the untouched backbone on all four texts.
  void measure_backbone() {
    train::Model model(shared_.backbone, adapter::None{});
    shared_.set_up(model);
    shared_.progress.begin("backbone", shared_.evaluation_steps(), shared_.work.evaluation());
    const train::Corpus& corpus = shared_.corpus;
    shared_.choosing.original.before = shared_.score(model, corpus.choosing_original, data::Domain::original);
    shared_.choosing.target.before = shared_.score(model, corpus.choosing_target, data::Domain::target);
    shared_.valid.original.before = shared_.score(model, corpus.valid_original, data::Domain::original);
    shared_.valid.target.before = shared_.score(model, corpus.valid_target, data::Domain::target);
  }

  // ---- extension

  /// A run of the first seed that is the best of those it was chosen from.
  struct Tuned {
    double alpha = 0, lr = 0;
    Scores scores;
  };

  /// Tunes a method with the first seed, then runs the other seeds. Returns the chosen alpha, empty where every run
  /// failed.
  /// 1. Tries every rate and takes the best on the choosing text. Where alpha is chosen too, the rates are tried at the
  /// paper's alpha; if all of them
  ///    fail there, at the next alpha, and so on.
  /// 2. Where alpha is chosen: tries the alphas left at that rate, chooses one, and tries every rate at the chosen
  /// alpha.
  /// 3. Runs the other seeds at the chosen alpha and rate; where that alpha is not the one of step 1, also at that one
  /// and its rate.
  std::optional<double> extend_with(const std::string& method) {
    const auto alphas = method == "neutral" ? options_.tried_alphas() : std::vector<double>{0};
    std::size_t tried = 0;
    std::optional<Tuned> first;
    while (!first && tried < alphas.size()) first = tune(method, alphas[tried++]);
    if (!first) return std::nullopt;
    results_.config["chosen_lr"][method] = first->lr;
    if (method == "adapter") vanilla_learning_ = first->scores.learning();
    Tuned chosen = *first;
    if (alphas.size() > 1) {
      const double alpha = tune_alpha(*first, {alphas.begin() + static_cast<std::ptrdiff_t>(tried), alphas.end()});
      chosen = tune(method, alpha).value();
      results_.config["chosen_lr"][concat("neutral, alpha ", alpha)] = chosen.lr;
      if (alpha != first->alpha) extend_seeds(method, {first->lr}, first->alpha);
    }
    extend_seeds(method, {chosen.lr}, chosen.alpha);
    return chosen.alpha;
  }

  /// Tries every rate with the first seed; the best, empty where all failed.
  std::optional<Tuned> tune(const std::string& method, double alpha) {
    std::vector<double> rates;
    std::vector<Scores> scores;
    for (const double rate : options_.rates_of(method))
      if (const auto own = scores_of({method, rate, alpha, 1})) {
        rates.push_back(rate);
        scores.push_back(*own);
      }
    if (rates.empty()) return std::nullopt;
    const std::size_t best = choose_rate(scores);
    return Tuned{alpha, rates[best], scores[best]};
  }

  /// Tries further alphas at the rate of the first with the first seed. Without a vanilla adapter to hold them against
  /// the one that learns most is taken.
  double tune_alpha(const Tuned& first, const std::vector<double>& further) {
    std::vector<double> alphas = {first.alpha};
    std::vector<Scores> scores = {first.scores};
    for (const double alpha : further)
      if (const auto own = scores_of({"neutral", first.lr, alpha, 1})) {
        alphas.push_back(alpha);
        scores.push_back(*own);
      }
    const std::size_t chosen = choose_alpha(scores, vanilla_learning_);
    const bool met = learns_enough(scores[chosen], vanilla_learning_);
    if (!vanilla_learning_)
      shared_.progress.message(
          "note: no run of the vanilla adapter is left to choose alpha by; the one that learns most was taken");
    else if (!met)
      shared_.progress.message(
          "note: no alpha learned within 1 % of the vanilla adapter; the one that learns most was taken");
    results_.config["chosen_alpha"] = alphas[chosen];
    results_.config["chosen_alpha_learns_as_vanilla"] = vanilla_learning_ ? io::Json(met) : io::Json();
    return alphas[chosen];
  }

  void extend_seeds(const std::string& method, const std::vector<double>& rates, double alpha) {
    for (Index seed = 2; seed <= options_.seeds; ++seed)
      for (const double rate : rates) extend({method, rate, alpha, static_cast<std::uint64_t>(seed)});
  }

  /// What the choosing text says of a job of the first seed; empty where it failed, zero where nothing is chosen.
  std::optional<Scores> scores_of(const Job& job) {
    const Outcome* outcome = extend(job);
    if (!outcome) return std::nullopt;
    return options_.chooses() ? outcome->choosing.value() : Scores{};
  }

  /// The outcome of a job; none where it failed, which is told.
  const Outcome* extend(const Job& job) {
    auto done = endings_.find(job.name());
    if (done == endings_.end()) {
      Extension extension(shared_, job);
      const bool known = extension.ended_before();
      done = endings_.emplace(job.name(), extension.run()).first;
      record(done->second, extension.folder());
      if (!known) write();
    }
    return std::get_if<Outcome>(&done->second);
  }

  void record(const Ending& ending, const io::Path& folder) {
    if (const auto* outcome = std::get_if<Outcome>(&ending)) {
      results_.rows.push_back(outcome->row);
      if (outcome->choosing && options_.chooses()) results_.config["choosing"].push_back(choosing_json(*outcome));
      return;
    }
    const Failure& failure = results_.failed.emplace_back(std::get<Failure>(ending));
    const std::string further = failure.state == FailureState::diverged
                                    ? concat("diverged and is left out; to have it made again delete ", folder.string())
                                    : std::string("is left out; --resume tries it again");
    shared_.progress.message(concat("note: ", failure.reason, "; the run ", further));
  }

  /// Results and report as they stand; not for a row that is only read again, lest a resumed run take rows away for a
  /// while.
  void write() const {
    write_results(shared_.output.folder() / "results.json", results_);
    if (show_) show_(results_);
  }

  Shared shared_;
  std::function<void(const Results&)> show_;
  const Options& options_ = shared_.options;
  Results& results_ = shared_.results;
  std::map<std::string, Ending> endings_;  // of this study, by the job's name
  std::optional<double> vanilla_learning_;
};

}}}  // namespace neutra::NEUTRA_ABI::study
