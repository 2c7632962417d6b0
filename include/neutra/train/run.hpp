/// One training run, from its start or its last checkpoint to its end.
#pragma once

#include "neutra/train/checkpoint.hpp"
#include "neutra/train/log.hpp"
#include "neutra/train/progress.hpp"
#include "neutra/train/stopped.hpp"
#include "neutra/train/trainer.hpp"

#include <chrono>
#include <stop_token>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Where a run stores its state.
struct RunPlace {
  std::filesystem::path folder;  // of checkpoint.safetensors and log.jsonl
  io::Json identity;             // what a checkpoint must match
  Progress* progress = nullptr;
  std::stop_token stop;
  double checkpoint_seconds = 60;
};

/// Trains to the end of the schedule. Saves a checkpoint about every minute, when stopped, and at the end. Calls
/// `step_done` with each report. Returns the training time in seconds, including earlier sessions.
/// Errors: Stopped after a stop request; Diverged, with the last checkpoint intact; io::WriteError.
inline double run_training(Trainer& trainer, const RunPlace& place,
                           const std::function<void(const StepReport&)>& step_done = {}) {
  const auto checkpoint = place.folder / "checkpoint.safetensors";
  const auto& parameters = trainer.optimizer().parameters();
  SavedProgress before;
  if (std::filesystem::exists(checkpoint)) {
    before = load_checkpoint(checkpoint, parameters, place.identity);
    trainer.optimizer().steps = before.steps;
    require(trainer.steps_done() <= trainer.steps(), checkpoint.string(), ": is from step ", trainer.steps_done(),
            ", but this run has only ", trainer.steps(),
            " steps; use the number of steps it was written with, or delete it to restart this run");
    if (place.progress) place.progress->skip(trainer.steps_done());
  }
  const Index first = trainer.steps_done();
  Log log(place.folder / "log.jsonl", first, before.log);
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return before.seconds + std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const auto in_run = [&](auto&& f) { return with_run_name(place.folder.filename().string(), f); };
  const auto save = [&] {
    in_run([&] { trainer.check_finite(); });
    log.flush();  // first, so that a kill in between leaves no checkpoint without its lines
    save_checkpoint(checkpoint, parameters, {trainer.steps_done(), seconds(), log.sha256()}, place.identity);
  };
  double saved = seconds();
  while (!trainer.done()) {
    if (place.stop.stop_requested()) {
      save();
      throw Stopped(concat("stopped at step ", trainer.steps_done(), "; everything is saved"));
    }
    const StepReport report = in_run([&] { return trainer.advance(); });
    io::Json line = {{"step", report.step},   {"lm", report.lm},
                     {"local", report.local}, {"gradient_norm", report.gradient_norm},
                     {"lr", report.rate},     {"seconds", seconds()}};
    if (report.regularisation != 0) line["regularisation"] = report.regularisation;
    log.write(line);
    if (step_done) step_done(report);
    if (place.progress) place.progress->advance(1, report.lm, trainer.tokens_per_step());
    if (seconds() - saved > place.checkpoint_seconds) {
      save();
      saved = seconds();
    }
  }
  if (trainer.steps_done() > first) save();  // before evaluation, which may be stopped too
  return seconds();
}

}}}  // namespace neutra::NEUTRA_ABI::train
