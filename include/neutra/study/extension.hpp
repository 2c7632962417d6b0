/// One run of a study: started, continued after an interruption, or read back if it has ended.
#pragma once

#include "neutra/study/extension_training.hpp"
#include "neutra/study/measure_extended.hpp"
#include "neutra/study/outcome.hpp"
#include "neutra/study/peak_memory.hpp"
#include "neutra/study/shared.hpp"
#include "neutra/study/trained_files.hpp"
#include "neutra/train/run.hpp"

#include <filesystem>
#include <new>
#include <string>
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
    return ExtensionTraining{shared_, method_, run_}.measured_speed(start);
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
    const ExtensionTraining training{shared_, method_, run_};
    const train::Adapter adapter = start.with(method_.adapter);
    const auto model = training.model_of(start, adapter);
    const data::Mix mix = training.mix();
    train::Trainer trainer(*model, mix, training.options_of(*model, start));
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
    const TrainedFiles files{folder_, method_.trains};
    files.save(*model, adapter.describe(sizes), start, shared_);
    row.file_bytes = files.bytes();
    record(*model, start, files, outcome);
    return outcome;
  }

  /// Scores the model and writes the outcome.
  void record(train::Model& model, const Start& start, const TrainedFiles& files, Outcome& outcome) {
    std::vector<std::string> warnings;
    const io::Json json = train::with_run_name(name_, [&] {
      warnings = measure_extended(shared_, model, start, method_.trains, outcome);
      return to_json(outcome);
    });
    write_outcome(folder_, json, files.names());
    std::filesystem::remove(folder_ / "checkpoint.safetensors");  // outcome and weights are on disk now
    for (const std::string& warning : warnings) shared_.progress.message(warning);
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

  Shared& shared_;
  const Method& method_;
  const Run run_;
  const std::string builds_on_;
  const std::string name_;  // of the folder
  const io::Path folder_;
  io::Lock lock_;
};

}}}  // namespace neutra::NEUTRA_ABI::study
