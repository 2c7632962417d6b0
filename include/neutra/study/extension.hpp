/// One run of a study: started, continued after an interruption, or read back if it has ended.
#pragma once

#include "neutra/nn/adapter_file.hpp"
#include "neutra/study/outcome.hpp"
#include "neutra/study/peak_memory.hpp"
#include "neutra/study/pretraining.hpp"
#include "neutra/study/shared.hpp"
#include "neutra/train/divergence.hpp"
#include "neutra/train/open_share.hpp"
#include "neutra/train/run.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// One run of a method, with its folder.
class Extension {
 public:
  /// `shared` and `method` must outlive it. builds_on: the SHA-256 of the weights that it starts from, if another run
  /// left them; its folder is named after them too.
  Extension(Shared& shared, const Method& method, const Run& run, const std::string& builds_on = {})
      : shared_(shared),
        method_(method),
        run_(run),
        builds_on_(builds_on),
        name_(folder_of(shared.options, run, builds_on)),
        folder_(shared.output.run_folder(name_)) {}

  const io::Path& folder() const { return folder_; }
  /// Whether its outcome was there before this process.
  bool ended_before() const { return std::filesystem::exists(folder_ / "outcome.json"); }

  /// Takes the lock of the run, for this object's life; false if another process holds it.
  bool lock() {
    lock_ = shared_.output.lock_run(name_);
    return bool(lock_);
  }

  /// Extends a model. A run that diverges, or runs out of memory or disk, ends in a Failure. Error: damaged files;
  /// Stopped.
  Ending run(const Start& start) {
    if (ended_before()) return read();
    shared_.progress.begin(name_, run_.steps, shared_.work.extension(run_.steps));
    require(lock_ || !shared_.output.run_is_locked(name_), folder_.string(),
            ": another process is working on it; wait for it to end");
    const auto failed = [&](FailureState state, const std::string& reason, const train::Divergence& where = {}) {
      return Failure{run_, state, reason, where};
    };
    try {
      return train(start);
    } catch (const train::Diverged& error) {
      const Failure failure = failed(FailureState::diverged, error.what(), error.where());
      write_failure(folder_, failure);
      return failure;
    } catch (const std::bad_alloc&) {
      return failed(FailureState::out_of_memory,
                    concat(name_, ": out of memory; use a smaller batch or sequence, or --recompute"));
    } catch (const io::WriteError& error) {
      return failed(FailureState::not_saved, error.what());
    }
  }

  /// Tokens per second of two of its steps, after a first one that takes memory and packs weights. Nothing is written.
  double measured_speed(const Start& start) const {
    const auto model = make_model(start, start.with(method_.adapter));
    const data::Mix mix = make_mix();
    train::TrainingOptions options = training_of(*model, start);
    options.schedule = {.rate = 1e-6, .steps = 3, .warmup = 0};  // a rate at which nothing diverges
    train::Trainer trainer(*model, mix, options);
    trainer.advance();
    const auto begin = std::chrono::steady_clock::now();
    trainer.advance();
    trainer.advance();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    return 2 * static_cast<double>(trainer.tokens_per_step()) / seconds.count();
  }

  /// How it has ended.
  Ending read() {
    shared_.progress.begin(name_, run_.steps, shared_.work.extension(run_.steps));
    Ending ending =
        train::with_advice(concat("restore the files, or delete ", folder_.string(), " to repeat the run"), [&] {
          Ending read = read_ending(folder_, run_);
          if (const auto* outcome = std::get_if<Outcome>(&read)) check_before(outcome->row);
          return read;
        });
    shared_.progress.skip(run_.steps);
    shared_.progress.begin("evaluating", 1, shared_.work.evaluation());
    shared_.progress.skip(1);
    if (std::holds_alternative<Outcome>(ending))
      std::filesystem::remove(folder_ / "checkpoint.safetensors");  // still there if the program was killed in between
    return ending;
  }

 private:
  Ending train(const Start& start) {
    shared_.output.run(name_);
    const PeakMemory peak;
    const train::Adapter adapter = start.with(method_.adapter);
    const auto model = make_model(start, adapter);
    const data::Mix mix = make_mix();
    train::Trainer trainer(*model, mix, training_of(*model, start));
    const adapter::Sizes sizes = start.backbone->config().sizes();
    Outcome outcome{describe_row(run_, method_.adapter.describe(sizes), sizes), {}};
    RunResult& row = outcome.row;
    row.trainable_weights = trainer.trained_weights();
    row.train_seconds =
        train::run_training(trainer, {folder_, shared_.identity(run_, start), &shared_.progress, shared_.stop});
    row.peak_bytes = peak.bytes();
    row.train_tokens = run_.steps * trainer.tokens_per_step();
    row.tokens_per_second = static_cast<double>(row.train_tokens) / row.train_seconds;
    if (!builds_on_.empty()) row.builds_on = builds_on_;
    save(*model, adapter.describe(sizes), start);
    row.file_bytes = saved_bytes();
    std::vector<std::string> warnings;
    const io::Json json = train::with_run_name(name_, [&] {
      warnings = measure(*model, start, outcome);
      return to_json(outcome);
    });
    write_outcome(folder_, json, files());
    std::filesystem::remove(folder_ / "checkpoint.safetensors");  // outcome and weights are on disk now
    for (const std::string& warning : warnings) shared_.progress.message(warning);
    return outcome;
  }

  /// Error: the row was scored on another backbone or by another build, and cannot be compared with the others.
  void check_before(const RunResult& row) const {
    require(row.builds_on.value_or("") == builds_on_, (folder_ / "outcome.json").string(), ": must build on ",
            builds_on_.substr(0, 12), "..., got ", row.builds_on.value_or("").substr(0, 12), "...");
    if (row.builds_on) return;  // its hash stands for the model that it was scored on
    const double original = shared_.start.valid.original.before, target = shared_.start.valid.target.before;
    require(row.original.before == original && row.target.before == target, (folder_ / "outcome.json").string(),
            ": must be of this study's backbone, which has ", original, " and ", target, " bits per byte, got ",
            row.original.before, " and ", row.target.before);
  }

  data::Mix make_mix() const {
    return {shared_.corpus.train_original, shared_.corpus.train_target, run_.share, run_.seed};
  }
  train::TrainingOptions training_of(train::Model& model, const Start& start) const {
    train::TrainingOptions options = shared_.training(run_.lr, run_.steps, run_.alpha.value_or(0));
    options.adamw.groups = groups_of(model);
    options.regularisers = method_.regularisers;
    options.before = start.as_it_is();
    return options;
  }
  std::unique_ptr<train::Model> make_model(const Start& start, const train::Adapter& adapter) const {
    auto model = std::make_unique<train::Model>(start.backbone, adapter, run_.seed);
    if (trains_model())
      model->thaw([&](const nn::Weight& weight) { return !method_.freezes(weight.name, weight.kind.shape); });
    shared_.set_up(*model);
    return model;
  }

  /// The groups of the method without those of weights that are not even thawed.
  std::vector<optim::ParameterGroup> groups_of(train::Model& model) const {
    std::vector<optim::ParameterGroup> groups = method_.groups;
    const auto parameters = model.parameters();
    std::erase_if(groups, [&](const optim::ParameterGroup& group) {
      return std::none_of(parameters.begin(), parameters.end(),
                          [&](const auto* p) { return group.contains(p->name, p->value.shape()); });
    });
    return groups;
  }

  /// Scores the model. Returns warnings about its gates.
  std::vector<std::string> measure(train::Model& model, const Start& start, Outcome& outcome) {
    shared_.progress.begin("evaluating", shared_.row_evaluation_steps(!trains_model()), shared_.work.evaluation());
    if (run_.seed == 1 && shared_.options.holds_out()) {  // rates and alpha are selected with the first seed
      Scores& scores = outcome.tuning.emplace(start.tuning);
      scores.original.after = shared_.score(model, shared_.corpus.tuning_original, data::Domain::original);
      scores.target.after = shared_.score(model, shared_.corpus.tuning_target, data::Domain::target);
    }
    const nn::Config& config = start.backbone->config();
    adapter::Probe<float, DefaultDevice> probe(config.layers,
                                               data::token_classes(*shared_.corpus.tokenizer, config.vocabulary));
    outcome.row.original = start.valid.original;
    outcome.row.target = start.valid.target;
    outcome.row.original.after = shared_.score(model, shared_.corpus.valid_original, data::Domain::original, &probe);
    outcome.row.target.after = shared_.score(model, shared_.corpus.valid_target, data::Domain::target, &probe);
    add_gates(outcome.row, probe);
    for (const auto& [name, text] : shared_.corpus.further) {
      if (!outcome.row.further) outcome.row.further.emplace();
      (*outcome.row.further)[name] = {start.further.at(name), shared_.score(model, text, data::Domain::target)};
    }
    train::Model before(start.backbone, start.as_it_is());
    const auto from_base = [&](const train::EvaluationText& text, data::Domain domain) {
      return train::divergence(model, before, shared_.evaluation_tape, text, domain, 128, shared_.stop);
    };
    const auto original = from_base(shared_.corpus.valid_original, data::Domain::original),
               target = from_base(shared_.corpus.valid_target, data::Domain::target);
    if (original && target) outcome.row.kl_to_base = {*original, *target};
    if (!trains_model()) measure_attenuated(model, outcome.row);
    return gate_warnings(probe.counts(0), probe.counts(1), name_);
  }

  /// Scores parts of the adapter, as Options::scales and thresholds ask.
  void measure_attenuated(train::Model& model, RunResult& row) {
    std::vector<Attenuated> asked, scored;
    for (const double scale : shared_.options.scales) asked.push_back({.scale = scale});
    for (const double threshold : shared_.options.thresholds) asked.push_back({.threshold = threshold});
    for (Attenuated& point : asked) {
      adapter::Probe<float, DefaultDevice> probe(model.config().layers);
      model.attenuation = {point.scale, point.threshold};
      point.after.target = shared_.score(model, shared_.corpus.valid_target, data::Domain::target, &probe);
      if (point.threshold > 0 && !train::open_share(probe, data::Domain::target)) continue;  // it has no gates
      point.after.original = shared_.score(model, shared_.corpus.valid_original, data::Domain::original);
      scored.push_back(point);
    }
    model.attenuation = {};
    if (!scored.empty()) row.attenuated = std::move(scored);
  }

  bool trains_model() const { return method_.trains == Trains::model; }
  std::vector<std::string> files() const {
    if (!trains_model()) return {"adapter.json", "adapter.safetensors"};
    std::vector<std::string> names;
    for (const std::string& name : model_files()) names.push_back(concat("model/", name));
    return names;
  }
  Index saved_bytes() const {
    Index bytes = 0;
    for (const std::string& name : files())  // a model need not have each of its files
      if (const io::Path path = folder_ / name; std::filesystem::exists(path))
        bytes += static_cast<Index>(std::filesystem::file_size(path));
    return bytes;
  }
  void save(train::Model& model, const adapter::Description& description, const Start& start) const {
    if (trains_model())
      save_model(folder_ / "model", model, *shared_.corpus.tokenizer, shared_.options.model);
    else
      nn::save_adapter(folder_ / "adapter.safetensors", model.parameters(), description, start.base, start.trained_on);
  }

  Shared& shared_;
  const Method& method_;
  const Run run_;
  const std::string builds_on_;
  const std::string name_;  // of the folder
  const io::Path folder_;
  io::Lock lock_;
};

}}}  // namespace neutra::NEUTRA_ABI::study
