/// What all runs of a study share: options, texts, the backbone with its scores, and the folder.
#pragma once

#include "neutra/io/sealed.hpp"
#include "neutra/study/job.hpp"
#include "neutra/study/known_fingerprint.hpp"
#include "neutra/study/output.hpp"
#include "neutra/study/results.hpp"
#include "neutra/study/start.hpp"
#include "neutra/study/workload.hpp"
#include "neutra/train/corpus.hpp"
#include "neutra/train/evaluation.hpp"
#include "neutra/train/model_tokenizer.hpp"
#include "neutra/train/progress.hpp"

#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// Options that select the runs of a study and change nothing within a run: --resume accepts other values.
inline std::set<std::string> options_of_choice() {
  return {"methods", "baseline", "seeds", "whole_curve", "lengths", "shares"};
}

/// Made once per study. The start is set later, in this order: backbone, corpus.encode(), describe_base(),
/// the scores.
struct Shared {
  Shared(const Options& asked_options, const io::Json& config, std::stop_token stop_token,
         train::Progress* watched = nullptr, Output::Waiting waiting = {})
      : options(asked_options),
        stop(std::move(stop_token)),
        output(options.out, options.resume, std::move(waiting)),
        corpus(read_corpus()),
        work(options, corpus),
        progress(watched ? *watched : silence_) {
    progress.start(work.total());
    results.config = config;
    results.config.update(matmul_units());
    results.text_sha256 = corpus.hashes();
    if (const std::string baseline = options.baseline_label(); !baseline.empty()) results.config["baseline"] = baseline;
  }
  Shared(const Shared&) = delete;

  /// Prints remarks on the texts. Called once the folder is claimed, so that a refusal prints one line only.
  void tell_of_texts() {
    for (const auto* domain : {&corpus.original, &corpus.target})
      for (const std::string& remark : domain->remarks) progress.message(remark);
    const train::Overlaps overlaps = corpus.overlaps();
    results.config["evaluation_overlap"] = to_json(overlaps);
    if (const std::string remark = train::overlap_remark(overlaps); !remark.empty()) progress.message(remark);
  }

  /// Called once backbone and tokenizer are loaded.
  void describe_base() {
    start.base = {start.backbone->config(),
                  fingerprint->get(start.backbone->config(), [&] { return nn::fingerprint(*start.backbone); }),
                  train::tokenizer_sha256(*corpus.tokenizer)};
    results.config["base"] = {{"fingerprint", start.base.fingerprint}, {"tokenizer", start.base.tokenizer}};
    if (!options.adapter) return;
    start.add(*options.adapter);
    results.config["base"]["adapter"] = start.sha256;
  }

  /// What the folder is claimed for: the options, the texts, the program (results name one commit only), and the model
  /// and tokenizer, if given.
  io::Json asked() const {
    io::Json json = results.config.at("options");
    for (const auto& [role, digits] : results.text_sha256) json["text " + role] = digits;
    if (!options.model.empty()) {
      nn::visit_function(start.base.config,
                         [&](const char* name, const auto& value) { json[concat("model ", name)] = value; });
      json["model weights"] = start.base.fingerprint;  // covers the configuration too; its key sorts later, so that a
                                                       // difference there is reported first
      json["tokenizer sha256"] = start.base.tokenizer;
      if (!start.sha256.empty()) json["adapter sha256"] = start.sha256;
    } else if (options.tokenizer != "byte" && options.tokenizer != "sentencepiece") {
      json["tokenizer sha256"] = io::file_sha256(options.tokenizer);
    }
    const Machine& machine = results.machine;
    for (const auto& [key, value] :
         {std::pair{"commit", &results.commit}, {"compiler", &machine.compiler}, {"flags", &machine.flags}})
      json[concat("program ", key)] = *value;
    json["program instruction_set"] = machine.instruction_set;
    json.update(matmul_units());
    return json;
  }

  /// What a checkpoint must match: the run, the options, the texts, what it starts from, and what the bits of a binary
  /// depend on.
  io::Json identity(const Run& run, const Start& from) const {
    io::Json json = identity(folder_of(options, run), from);
    json["method"] = io::to_json(run.settings, run.label);
    json["method"]["kind"] = run.kind;
    json["options"]["warmup"] = options.warmup_of(run.steps);
    return json;
  }
  io::Json identity(const std::string& run, const Start& from) const {
    io::Json fixed = results.config.at("options");
    for (const std::string& key : options_of_choice()) fixed.erase(key);
    fixed.erase("settings");
    io::Json json = {{"run", run},
                     {"options", fixed},
                     {"texts", results.text_sha256},
                     {"base", from.base.fingerprint},
                     {"tokenizer", train::tokenizer_sha256(*corpus.tokenizer)},
                     {"instruction_set", results.machine.instruction_set},
                     {"matmul_units", matmul_units()},
                     {"compiler", results.machine.compiler}};
    if (!from.sha256.empty()) json["start"] = from.sha256;
    return json;
  }
  /// The units of this machine that multiply in the precision of the study; bits depend on them.
  io::Json matmul_units() const { return DefaultDevice::matmul_units(options.precision); }

  void set_up(train::Model& model) const { model.recompute_layers = options.recompute; }
  train::TrainingOptions training(double lr, Index steps, double alpha) const {
    return {.batch = options.batch,
            .accumulate = options.accumulate,
            .alpha = alpha,
            .schedule = {.rate = lr, .steps = steps, .warmup = options.warmup_of(steps)},
            .adamw = {.weight_decay = options.weight_decay, .clip = options.clip}};
  }

  /// Of a row, with the parts of its adapter that are scored too.
  Index row_evaluation_steps(bool has_adapter) const {
    const auto parts = static_cast<Index>(has_adapter ? options.scales.size() + options.thresholds.size() : 0);
    return evaluation_steps() + parts * (corpus.valid_original.windows.tokens() + corpus.valid_target.windows.tokens());
  }
  Index evaluation_steps() const {
    Index tokens = 0;
    for (const auto* text :
         {&corpus.tuning_original, &corpus.tuning_target, &corpus.valid_original, &corpus.valid_target})
      tokens += text->windows.tokens();
    for (const auto& [name, text] : corpus.further) tokens += text.windows.tokens();
    return tokens;
  }
  /// Bits per byte; 0 without text of the domain.
  double score(train::Model& model, const train::EvaluationText& text, data::Domain domain,
               adapter::Probe<float, DefaultDevice>* probe = nullptr) {
    if (text.bytes == 0) return 0;
    return train::evaluate(
               model, evaluation_tape, text, domain, options.batch, probe,
               [&](Index tokens) { progress.advance(tokens); }, stop)
        .bits_per_byte();
  }

  Options options;
  std::stop_token stop;
  Output output;
  train::Corpus corpus;
  Workload work;
  train::Progress& progress;
  Results results;
  Start start;                                  // of runs that build on no other
  std::optional<KnownFingerprint> fingerprint;  // that of the backbone; set with it
  Tape<float, DefaultDevice> evaluation_tape;

 private:
  /// Error: something to tune, but the run to continue trains on all of its text.
  train::Corpus read_corpus() {
    const io::Json before = output.asked_before();
    options.held_out_before = before.contains("text original.tuning") || before.contains("text target.tuning");
    require(before.empty() || options.held_out_before || !options.chooses(), "--out ", output.folder().string(),
            ": the run there tries one rate per method and one alpha, and holds out no tuning split; now there are "
            "several: give one --lr and one --alpha, or --quick if the run had it, or name another --out");
    return train::Corpus(options.texts(), options.holds_out());
  }

  train::Progress silence_;
};

}}}  // namespace neutra::NEUTRA_ABI::study
