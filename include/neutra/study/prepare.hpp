/// The backbone of a study, loaded or pretrained, and its scores.
#pragma once

#include "neutra/study/fit.hpp"
#include "neutra/study/outcome.hpp"
#include "neutra/study/pretraining.hpp"
#include "neutra/study/shared.hpp"
#include "neutra/train/domain_similarity.hpp"
#include "neutra/train/load.hpp"
#include "neutra/train/run.hpp"

#include <filesystem>
#include <optional>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

namespace detail {

inline void load_backbone(Shared& shared, const io::Path& model) {
  const Options& options = shared.options;
  shared.fingerprint.emplace(shared.output.folder() / "fingerprint.json", model);
  shared.start.backbone = train::load_backbone(model, {.precision = options.precision, .base = options.base_precision});
}
inline void claim(Shared& shared) { shared.output.claim(shared.asked(), options_of_choice(), {"settings"}); }

/// Trains a new model on the original text, saves it and returns the record of its training.
inline io::Json pretrain(Shared& shared, const nn::Config& config) {
  const Options& options = shared.options;
  train::Model model(train::Backbone::random(config, 1, {nn::Purpose::finetuning, options.precision}), adapter::None{});
  model.thaw();
  shared.set_up(model);
  const data::Mix mix(shared.corpus.train_original, {}, 1.0, 1);
  train::Trainer trainer(model, mix, shared.training(options.pretrain_lr, options.pretrain_steps, 0));
  const train::RunPlace place{shared.output.run("pretrain"), shared.identity("pretrain", {}), &shared.progress,
                              shared.stop};
  const double seconds = train::run_training(trainer, place);
  save_model(shared.output.backbone(), model, *shared.corpus.tokenizer);
  const io::Json record = pretraining_record(place.folder / "log.jsonl", options.pretrain_steps, seconds,
                                             trainer.steps() * trainer.tokens_per_step());
  write_pretraining(shared.output.folder() / "pretrain.json", record, shared.output.backbone());
  std::filesystem::remove(place.folder / "checkpoint.safetensors");  // the model is on disk now
  return record;
}

}  // namespace detail

namespace detail {

/// Distributes adapters over the layers, where a method asks for this.
inline void allot_adapters(Shared& shared) {
  std::optional<std::vector<double>> known;
  const auto similarity = [&] {
    const train::Corpus& corpus = shared.corpus;
    if (!known) known = train::domain_similarity(shared.start.backbone, corpus.train_original, corpus.train_target);
    return *known;
  };
  for (Method& method : shared.options.methods) method.adapter = method.adapter.allotted(similarity);
}

}  // namespace detail

/// Loads the given model or the one pretrained before, or pretrains one. All checks of the options come before the
/// folder is claimed and before hours of pretraining.
inline void prepare_backbone(Shared& shared) {
  const Options& options = shared.options;
  const io::Path record_file = shared.output.folder() / "pretrain.json";
  const bool given = !options.model.empty();
  bool pretrained = !given && std::filesystem::exists(record_file);
  const io::Path folder = given ? options.model : shared.output.backbone();
  io::Json record;
  if (pretrained) {  // claimed first: another program's files are refused before they are read
    detail::claim(shared);
    record = read_pretraining(record_file, folder);
  }
  const auto tokenizer = given || pretrained ? train::tokenizer_of(folder)
                                             : train::new_tokenizer(options.tokenizer, options.vocabulary,
                                                                    shared.corpus.original.train.bytes);
  if (given) detail::load_backbone(shared, folder);  // after the tokenizer, since weights take long to read
  const nn::Config config = given ? shared.start.backbone->config() : new_config(options, *tokenizer);
  shared.corpus.encode(tokenizer, options.sequence, train::end_of_text(config));
  if (given) shared.describe_base();
  check_fit(options, shared.corpus, config);
  detail::claim(shared);
  if (given) shared.fingerprint->save();
  if (!given && !pretrained && std::filesystem::exists(record_file)) {  // by a process that this one waited for
    pretrained = true;
    record = read_pretraining(record_file, folder);
  }
  shared.tell_of_texts();
  if (given) return detail::allot_adapters(shared);
  shared.progress.begin("pretraining", options.pretrain_steps, shared.work.pretraining());
  if (pretrained) {
    shared.progress.skip(options.pretrain_steps);
    // Still there if the program was killed between writing the record and removing the checkpoint.
    std::filesystem::remove(shared.output.run("pretrain") / "checkpoint.safetensors");
  } else {
    record = detail::pretrain(shared, config);
  }
  detail::load_backbone(shared, folder);
  shared.describe_base();
  shared.fingerprint->save();
  shared.results.config["pretraining"] = record;
  check_fit(options, shared.corpus, shared.start.backbone->config());
  detail::allot_adapters(shared);
}

namespace detail {

inline void score_start(Shared& shared, Start& start) {
  train::Model model(start.backbone, start.as_it_is());
  shared.set_up(model);
  const train::Corpus& corpus = shared.corpus;
  start.tuning.original.before = shared.score(model, corpus.tuning_original, data::Domain::original);
  start.tuning.target.before = shared.score(model, corpus.tuning_target, data::Domain::target);
  start.valid.original.before = shared.score(model, corpus.valid_original, data::Domain::original);
  start.valid.target.before = shared.score(model, corpus.valid_target, data::Domain::target);
  for (const auto& [name, text] : corpus.further) start.further[name] = shared.score(model, text, data::Domain::target);
}

}  // namespace detail

/// Bits per byte of a model before any run, on all texts; kept in the file `path`, so that a run that is continued, or
/// another process, need not compute them again.
inline void measure_start(Shared& shared, Start& start, const io::Path& path) {
  shared.progress.begin("backbone", shared.evaluation_steps(), shared.work.evaluation());
  const io::Json identity = shared.identity("backbone", start);
  if (std::filesystem::exists(path)) {
    const io::Json known =
        train::with_advice("delete it to have the backbone measured again", [&] { return io::read_sealed(path); });
    if (known.value("identity", io::Json()) == identity) {
      const io::Reader read(known, path.string());
      start.tuning = detail::read_scores(read.object("tuning"));
      start.valid = detail::read_scores(read.object("valid"));
      const io::Reader further = read.object("further");
      for (const auto& [name, ignored] : further.json().items()) start.further[name] = further.number(name);
      return shared.progress.skip(shared.evaluation_steps());
    }
  }
  detail::score_start(shared, start);
  io::write_sealed(path, {{"identity", identity},
                          {"tuning", detail::scores_json(start.tuning, "backbone: tuning")},
                          {"valid", detail::scores_json(start.valid, "backbone: valid")},
                          {"further", start.further}});
}
/// Those of the backbone.
inline void measure_backbone(Shared& shared) {
  measure_start(shared, shared.start, shared.output.folder() / "backbone.json");
}

}}}  // namespace neutra::NEUTRA_ABI::study
