/// The main job: one backbone, extended with every method, rate and seed, and compared.
#pragma once

#include "neutra/nn/adapter_file.hpp"
#include "neutra/nn/fingerprint.hpp"
#include "neutra/train/fit.hpp"
#include "neutra/train/output.hpp"
#include "neutra/train/pretraining.hpp"
#include "neutra/train/report.hpp"
#include "neutra/train/results.hpp"
#include "neutra/train/table.hpp"
#include "neutra/train/workload.hpp"

namespace neutra::inline NEUTRA_ABI::train {

/// Everything a study works with; run() does it, writing results after each job, and returns them. A stop request ends the step at hand, saves, and
/// throws Stopped.
class Study {
 public:
  Study(const Options& options, const io::Json& config, const Registry& registry, std::stop_token stop)
      : options_(options),
        registry_(registry),
        stop_(std::move(stop)),
        output_(options.out, options.resume),
        corpus_(options),
        work_(options_, corpus_),
        progress_(work_.total()) {
    results_.config = config;
    results_.text_sha256 = corpus_.hashes();
    for (const std::string& method : options.methods) adapter_of(method, options, registry);  // unknown names end the program before hours of work
    for (const auto* domain : {&corpus_.original, &corpus_.target})
      for (const std::string& remark : domain->remarks) progress_.message(remark);
  }

  const Results& run() {
    prepare_backbone();
    named("backbone", [&] { measure_backbone(); });
    std::vector<std::string> methods = options_.methods;  // the vanilla adapter first: the choice of alpha looks at it
    std::stable_partition(methods.begin(), methods.end(), [](const std::string& m) { return m == "adapter"; });
    std::map<std::string, double> alpha;
    for (const std::string& method : methods) alpha[method] = extend_with(method);
    if (options_.whole_curve)  // last, so that a run that is cut short has what tables show first
      for (const std::string& method : methods) extend_seeds(method, options_.rates_of(method), alpha[method]);
    write();
    return results_;
  }

 private:
  // ---- backbone

  /// Everything that can be wrong with what was asked is found before the folder is claimed, and before hours of pretraining.
  void prepare_backbone() {
    const bool given = !options_.model.empty(), there = given || std::filesystem::exists(output_.folder() / "pretrain.json");
    const Path folder = given ? options_.model : output_.backbone();
    if (given) load_backbone(folder);
    corpus_.encode(there ? tokenizer_of(folder) : new_tokenizer(options_, corpus_.original.train), options_.sequence, options_.chooses());
    const nn::Config config = given ? backbone_->config() : new_config(options_, *corpus_.tokenizer);
    check_fit(options_, corpus_, registry_, config);
    output_.claim(asked());
    if (given) return;
    progress_.begin("pretraining", options_.pretrain_steps, work_.pretraining());
    if (there) {
      load_backbone(folder);
      progress_.skip(options_.pretrain_steps);
      std::filesystem::remove(output_.run("pretrain") / "checkpoint.safetensors");  // where a kill came between the record and this
    } else {
      pretrain(config);
    }
    results_.config["pretraining"] = read_pretraining(output_.folder() / "pretrain.json", fingerprint_, tokenizer_sha256());
    check_fit(options_, corpus_, registry_, backbone_->config());
  }

  void load_backbone(const Path& folder) {
    backbone_ = nn::load_llama<float, Cpu>(folder);
    fingerprint_ = nn::fingerprint(*backbone_);
  }

  /// What the folder is claimed for: the options, the texts, the program (results of two would stand under one commit), and the model where it is
  /// given.
  io::Json asked() const {
    io::Json json = results_.config.at("options");
    for (const auto& [role, digits] : results_.text_sha256) json["text " + role] = digits;
    if (!options_.model.empty()) json["base"] = fingerprint_;
    const Machine& machine = results_.machine;
    for (const auto& [key, value] : {std::pair{"commit", &results_.commit}, {"compiler", &machine.compiler}, {"flags", &machine.flags}})
      json[concat("program ", key)] = *value;
    json["program instruction_set"] = machine.instruction_set;
    return json;
  }

  void pretrain(const nn::Config& config) {
    Model model(Backbone::random(config, 1), adapter::None{});
    model.thaw();
    set_up(model);
    const data::Mix mix(corpus_.train_original, {}, 1.0, 1);
    Trainer trainer(model, mix, training(options_.pretrain_lr, options_.pretrain_steps, 0));
    const RunPlace place{output_.run("pretrain"), identity({{"run", "pretrain"}}), &progress_, stop_};
    const double seconds = run_training(trainer, place);
    save_model(output_.backbone(), model, *corpus_.tokenizer);
    load_backbone(output_.backbone());
    io::Json record = pretraining_record(place.folder / "log.jsonl", options_.pretrain_steps, seconds, trainer.steps() * trainer.tokens_per_step());
    record.update({{"fingerprint", fingerprint_}, {"tokenizer", tokenizer_sha256()}});
    io::write_json(output_.folder() / "pretrain.json", record);
    std::filesystem::remove(place.folder / "checkpoint.safetensors");  // the model is on disk now
  }

  /// Bits per byte of the untouched backbone on all four texts.
  void measure_backbone() {
    Model model(backbone_, adapter::None{});
    set_up(model);
    progress_.begin("backbone", evaluation_steps(), work_.evaluation());
    const auto score = [&](const EvaluationText& text, data::Domain domain) { return score_text(model, text, domain, nullptr); };
    choosing_.original.before = score(corpus_.choosing_original, data::Domain::original);
    choosing_.target.before = score(corpus_.choosing_target, data::Domain::target);
    valid_.original.before = score(corpus_.valid_original, data::Domain::original);
    valid_.target.before = score(corpus_.valid_target, data::Domain::target);
  }

  Index evaluation_steps() const {
    Index tokens = 0;
    for (const auto* text : {&corpus_.choosing_original, &corpus_.choosing_target, &corpus_.valid_original, &corpus_.valid_target})
      tokens += text->windows.tokens();
    return tokens;
  }
  /// 0 where there is no text of the domain.
  double score_text(Model& model, const EvaluationText& text, data::Domain domain, adapter::Probe<float, Cpu>* probe) {
    if (text.bytes == 0) return 0;
    return evaluate(
               model, evaluation_tape_, text, domain, options_.batch, probe, [&](Index tokens) { progress_.advance(tokens); }, stop_)
        .bits_per_byte();
  }

  // ---- extension

  /// Every rate with the first seed, the best on the choosing text; for neutral, where alpha is chosen too, that at the paper's alpha, then every
  /// alpha at that rate and every rate at that alpha; then the other seeds at what was chosen, and at the paper's alpha beside it. The chosen alpha.
  double extend_with(const std::string& method) {
    const double first_alpha = method == "neutral" ? options_.tried_alphas().front() : 0;
    const auto [first_lr, scores] = tune(method, first_alpha);
    results_.config["chosen_lr"][method] = first_lr;
    if (method == "adapter") vanilla_learning_ = scores.learning();
    double alpha = first_alpha, lr = first_lr;
    if (method == "neutral" && options_.alphas.size() > 1) {
      alpha = tune_alpha(scores, first_lr);
      lr = tune(method, alpha).first;
      results_.config["chosen_lr"][concat("neutral, alpha ", alpha)] = lr;
      if (alpha != paper_alpha) extend_seeds(method, {first_lr}, paper_alpha);
    }
    extend_seeds(method, {lr}, alpha);
    return alpha;
  }

  /// Tries every rate with the first seed; the best and its scores.
  std::pair<double, Scores> tune(const std::string& method, double alpha) {
    std::vector<Scores> tried;
    for (const double rate : options_.rates_of(method)) tried.push_back(scores_of({method, rate, alpha, 1}));
    const std::size_t best = choose_rate(tried);
    return {options_.rates_of(method)[best], tried[best]};
  }

  /// Tries every alpha at one rate with the first seed; `first` are the scores of the first alpha.
  double tune_alpha(const Scores& first, double lr) {
    std::vector<Scores> tried = {first};
    const auto alphas = options_.tried_alphas();
    for (std::size_t i = 1; i < alphas.size(); ++i) tried.push_back(scores_of({"neutral", lr, alphas[i], 1}));
    const std::size_t chosen = choose_alpha(tried, vanilla_learning_.value());
    const bool met = learns_enough(tried[chosen], vanilla_learning_.value());
    if (!met) progress_.message("note: no alpha learned within 1 % of the vanilla adapter; the one that learns most was taken");
    results_.config["chosen_alpha"] = alphas[chosen];
    results_.config["chosen_alpha_learns_as_vanilla"] = met;
    return alphas[chosen];
  }

  void extend_seeds(const std::string& method, const std::vector<double>& rates, double alpha) {
    for (Index seed = 2; seed <= options_.seeds; ++seed)
      for (const double rate : rates) extend({method, rate, alpha, static_cast<std::uint64_t>(seed)});
  }

  /// A job of the first seed, and what its choosing text says.
  Scores scores_of(const Job& job) {
    const Outcome outcome = extend(job);
    require(outcome.choosing.has_value(), job.name(),
            ": its outcome.json must hold the scores of the choosing text; delete it and continue with --resume");
    return *outcome.choosing;
  }

  /// One job: trained, or continued, or read if it was finished before.
  Outcome extend(const Job& job) {
    if (const auto done = finished_.find(job.name()); done != finished_.end()) return done->second;
    const Path folder = output_.run(job.name()), finished = folder / "outcome.json";
    progress_.begin(job.name(), options_.steps, work_.extension());
    if (std::filesystem::exists(finished)) {
      progress_.skip(options_.steps);
      progress_.begin("evaluating", 1, work_.evaluation());
      progress_.skip(1);
      std::filesystem::remove(folder / "checkpoint.safetensors");  // where a kill came between the outcome and this
      return record(job.name(), read_outcome(finished, job, options_.steps));
    }
    const Adapter adapter = adapter_of(job.method, options_, registry_);
    const auto sizes = backbone_->config().sizes();
    Model model(backbone_, adapter, job.seed);
    if (job.method == "finetune") model.thaw();
    set_up(model);
    const data::Mix mix(corpus_.train_original, corpus_.train_target, options_.share, job.seed);
    Trainer trainer(model, mix, training(job.lr, options_.steps, job.alpha));
    Outcome outcome{describe_row(job, options_, adapter.describe(sizes), sizes), job.seed == 1 ? std::optional(choosing_) : std::nullopt};
    Row& row = outcome.row;
    for (const auto* parameter : model.parameters()) row.trainable_weights += parameter->value.size();
    row.train_seconds = run_training(trainer, {folder, identity({{"run", job.name()}}), &progress_, stop_});
    row.train_tokens = options_.steps * trainer.tokens_per_step();
    row.tokens_per_second = static_cast<double>(row.train_tokens) / row.train_seconds;
    named(job.name(), [&] { measure(model, outcome); });
    save(model, folder, adapter.describe(sizes));
    io::write_json(finished, to_json(outcome));
    std::filesystem::remove(folder / "checkpoint.safetensors");  // outcome and weights are on disk now
    for (const std::string& warning : gate_warnings(row, job.name())) progress_.message(warning);
    record(job.name(), outcome);
    write();
    return outcome;
  }

  void measure(Model& model, Outcome& outcome) {
    progress_.begin("evaluating", evaluation_steps(), work_.evaluation());
    adapter::Probe<float, Cpu> probe(backbone_->config().layers);
    outcome.row.original = valid_.original;
    outcome.row.target = valid_.target;
    if (outcome.choosing) {
      outcome.choosing->original.after = score_text(model, corpus_.choosing_original, data::Domain::original, nullptr);
      outcome.choosing->target.after = score_text(model, corpus_.choosing_target, data::Domain::target, nullptr);
    }
    outcome.row.original.after = score_text(model, corpus_.valid_original, data::Domain::original, &probe);
    outcome.row.target.after = score_text(model, corpus_.valid_target, data::Domain::target, &probe);
    add_gates(outcome.row, probe);
  }

  void save(Model& model, const Path& folder, const adapter::Description& description) {
    if (model.thawed())
      save_model(folder / "model", model, *corpus_.tokenizer);
    else
      nn::save_adapter(folder / "adapter.safetensors", model.parameters(), description, nn::base_of(*backbone_, tokenizer_sha256()));
  }

  /// Adds a row.
  Outcome record(const std::string& name, const Outcome& outcome) {
    finished_.emplace(name, outcome);
    results_.rows.push_back(outcome.row);
    if (outcome.choosing && options_.chooses()) results_.config["choosing"].push_back(choosing_json(outcome));
    return outcome;
  }

  /// Results and report as they stand; not for a row that is only read again, lest a resumed run take rows away for a while.
  void write() const {
    write_results(output_.folder() / "results.json", results_);
    write_report(output_.folder(), results_);
  }

  void set_up(Model& model) const {
    model.recompute_layers = options_.recompute;
    model.bf16_products = options_.precision == "bf16";
  }
  TrainingOptions training(double lr, Index steps, double alpha) const {
    return {.batch = options_.batch,
            .accumulate = options_.accumulate,
            .alpha = alpha,
            .schedule = {.rate = lr, .steps = steps, .warmup = options_.warmup_of(steps)},
            .adamw = {.weight_decay = options_.weight_decay, .clip = options_.clip}};
  }

  /// What a checkpoint must agree with: the run, the options, the texts, the base, and the binary that equality of bits is promised for.
  io::Json identity(io::Json run) const {
    run["options"] = results_.config.at("options");
    run["texts"] = results_.text_sha256;
    run["base"] = fingerprint_;
    run["tokenizer"] = tokenizer_sha256();
    run["instruction_set"] = results_.machine.instruction_set;
    run["compiler"] = results_.machine.compiler;
    return run;
  }

  std::string tokenizer_sha256() const { return io::sha256_hex(corpus_.tokenizer->serialized()); }

  Options options_;
  const Registry& registry_;
  std::stop_token stop_;
  Output output_;
  Corpus corpus_;
  Workload work_;
  Progress progress_;
  Results results_;
  std::shared_ptr<const Backbone> backbone_;
  std::string fingerprint_;
  Scores choosing_, valid_;
  std::map<std::string, Outcome> finished_;  // of this study, by the job's name
  std::optional<double> vanilla_learning_;
  Tape<float, Cpu> evaluation_tape_;
};

}  // namespace neutra::inline NEUTRA_ABI::train
