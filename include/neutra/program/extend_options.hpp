/// The command line of `extend`.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/core/nearest.hpp"
#include "neutra/program/command_line.hpp"
#include "neutra/program/device_option.hpp"
#include "neutra/program/method_options.hpp"
#include "neutra/program/text_options.hpp"
#include "neutra/study/methods.hpp"
#include "neutra/study/options.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

namespace detail {

/// "gate of neutral: relu, elu"
inline std::string one_of(std::string_view what, const std::vector<std::string>& names) {
  return concat(what, ": ", listed(names));
}

/// The options of `extend`, in the groups that --help shows. Used once. A study has them too, with defaults and methods
/// of its own.
class ExtendParser {
 public:
  explicit ExtendParser(const adapter::Registry& registry)
      : ExtendParser(registry, {}, study::shorthand_names(), false) {}
  /// For a study.
  ExtendParser(const adapter::Registry& registry, study::Options defaults, std::vector<std::string> methods,
               bool of_study = true)
      : registry_(registry), of_study_(of_study), o_(std::move(defaults)), default_specs_(std::move(methods)) {
    add_texts();
    add_backbone();
    add_comparison();
    add_policies();
    add_training();
    add_evaluation();
    add_run();
    app_.footer(methods_help(registry));
  }

  CLI::App& app() { return app_; }

  /// check: whether the options are complete; those of a study's parts are not.
  /// may_be_empty: see parse_command_line.
  study::Options parse(int argc, const char* const* argv, bool check = true, std::string_view may_be_empty = {}) {
    parse_command_line(app_, argc, argv, may_be_empty);
    if (given("--warmup")) study::detail::check_from_zero(o_.warmup, "warmup");
    if (given("--alpha")) o_.alphas = numbers_of(alphas_, "alpha");
    if (given("--steps")) o_.lengths.clear();  // one value in place of a study's sweep
    if (given("--share")) o_.shares.clear();
    study::detail::check_positive(capacity_, "capacity");
    const std::vector<std::string> specs = all_specs();
    const study::MethodDefaults defaults = defaults_for(specs);
    check_pretraining();
    if (!adapter_.empty()) o_.adapter = train::saved_adapter(adapter_, registry_);
    o_.methods = study::methods_of(specs, registry_, defaults);
    const bool any_alpha = std::any_of(o_.methods.begin(), o_.methods.end(),
                                       [](const auto& m) { return m.has_alpha() && m.alphas.empty(); });
    require(!given("--alpha") || o_.resume || any_alpha,
            "--alpha has no effect without a method that has a local loss and no alpha of its own; add one, or leave "
            "it out");
    if (o_.quick) make_quick();
    if (check) o_.check();
    return std::move(o_);
  }

 private:
  void add_texts() {
    begin_group("Texts");
    app_.add_option("--original", o_.original,
                    "text of the domain that the model knows: files, folders, or - for standard input");
    app_.add_option("--target", o_.target, "text of the domain to extend to");
    app_.add_option("--target-bytes", o_.target_bytes, "train on so many bytes of the target text; 0: the whole")
        ->capture_default_str();
    app_.add_option("--eval-original", o_.eval_original,
                    "validation text; default: the last tenth of --original is held out");
    app_.add_option("--eval-target", o_.eval_target,
                    "validation text; default: the last tenth of --target is held out");
    add_text_format(app_, o_.text_format);
    add_documents(app_, o_.text_format);
  }

  void add_backbone() {
    begin_group("Backbone");
    app_.add_option("--model", o_.model, concat(about_models, "; default: pretrain one on the original text"));
    app_.add_option(
        "--adapter", adapter_,
        "an adapter of the model, NAME.safetensors or a LoRA folder of PEFT, by which it is extended already; it "
        "stays as it is");
    add("--pretrain-steps", o_.pretrain_steps, "steps of pretraining");
    add("--dim", o_.dim, "model width");
    add("--layers", o_.layers, "layers");
    add("--heads", o_.heads, "query heads");
    add("--kv-heads", o_.kv_heads, "key/value heads; 0: as many as heads");
    add("--ffn", o_.ffn, "FFN width; 0: 8/3 of dim");
    add("--vocab", o_.vocabulary, "vocabulary size of the trained tokenizer");
    add("--pretrain-lr", o_.pretrain_lr, "learning rate of pretraining");
    add("--tokenizer", o_.tokenizer,
        "sentencepiece (trained on the original text), byte, or a tokenizer.model, .json or .bin");
    app_.add_flag("--tied", o_.tied, "share the weights of embedding and head");
  }

  void add_comparison() {
    begin_group("Comparison");
    app_.add_option("--methods", methods_,
                    one_of(of_study_ ? "methods to compare in place of the study's" : "methods to compare, default",
                           study::shorthand_names()));
    app_.add_option("--method", specs_,
                    "a method to compare, such as 'mine: residue(gate=elu)'; see below; may be given several times");
    app_.add_option("--baseline", o_.baseline,
                    "label of the method that the others are compared with; default adapter, if it is among them");
    add("--capacity", capacity_, "extra weights, as a fraction of the blocks' weights");
    add("--seeds", o_.seeds, "extension seeds");
    app_.add_option("--lr", rates_,
                    concat("learning rates, for all methods (1e-3,2e-3) or one (finetune=5e-4,1e-3), default ",
                           listed_numbers(o_.adapter_rates), " for adapters and ", listed_numbers(o_.model_rates),
                           " for finetuning; with several, the best is selected"));
    app_.add_option("--alpha", alphas_,
                    concat("weight of the local loss, default ", study::detail::joined(o_.alphas), "; ",
                           of_study_ ? "of several, each is a line" : "with several, the best is selected"));
    if (of_study_)
      app_.add_flag("--whole-curve", o_.whole_curve, "run further seeds with every rate");
    else
      app_.add_flag("!--chosen-rate-only", o_.whole_curve, "run further seeds with the selected rate only");
  }

  void add_policies() {
    begin_group("Settings of methods");
    add("--gate", gate_, one_of("gate of neutral", registry_.gates.names()));
    add("--body", body_, one_of("body of neutral and adapter", registry_.bodies.names()));
    add("--penalty", penalty_, one_of("penalty of neutral", registry_.penalties.names()));
    add("--init", init_, one_of("initialisation of neutral", registry_.inits.names()));
    add("--placement", placement_,
        one_of("placement of neutral and adapter", {adapter::placement_names.begin(), adapter::placement_names.end()}));
    app_.add_option("--lora-targets", targets_,
                    one_of("projections that lora adapts, default all",
                           {adapter::site_names.begin(), adapter::site_names.begin() + adapter::projection_sites}));
  }

  void add_training() {
    begin_group("Training");
    add("--steps", o_.steps, "steps of each extension");
    add("--share", o_.share, "fraction p of original sequences in training");
    add("--batch", o_.batch, "sequences per step");
    add("--sequence", o_.sequence, "tokens per sequence");
    add("--accumulate", o_.accumulate, "micro-batches per step (gradient accumulation)");
    app_.add_option("--warmup", o_.warmup, "steps of linear warm-up; default a twentieth of the run");
    add("--weight-decay", o_.weight_decay, "weight decay of matrices");
    add("--clip", o_.clip, "clip the gradient to this norm; 0: no clipping");
    add_precision(app_, o_.precision);
    add_base_precision(app_, o_.base_precision);
    app_.add_flag("--recompute", o_.recompute,
                  "rematerialise layers in the backward pass: less memory, more time, the same numbers");
  }

  void add_evaluation() {
    begin_group("Evaluation");
    app_.add_option(
        "--scales", o_.scales,
        "score every trained adapter at these scales too; 0: the backbone, 1: the whole adapter, scored anyway");
    app_.add_option("--thresholds", o_.thresholds, "score every adapter with gates with those below these closed too");
  }

  void add_run() {
    begin_group("Run");
    add_device(app_);
    add("--threads", o_.threads, "number of threads, 0: all; results do not depend on it");
    app_.add_flag("--quick", o_.quick, "a run of seconds that shows that everything works");
    app_.add_option("--out", o_.out, "folder for results, models and checkpoints");
    if (!of_study_) app_.add_flag("--resume", o_.resume, "continue the run in --out");
  }

  void begin_group(const char* name) { app_.option_defaults()->group(name); }
  /// An option whose default --help shows.
  template <class T> void add(const char* option, T& value, const std::string& about) {
    app_.add_option(option, value, about)->capture_default_str();
  }
  bool given(const char* option) const { return app_.get_option(option)->count() > 0; }

  /// Those of --methods, then those of --method; the defaults where neither is given, but for those that cannot be
  /// trained without original text, in the one layer of a backbone that is pretrained, or below an adapter.
  std::vector<std::string> all_specs() const {
    std::vector<std::string> all = specs_.empty() ? default_specs_ : std::vector<std::string>{};
    const bool lacks = o_.share == 0 || (o_.model.empty() && o_.layers == 1);
    if (!of_study_)
      std::erase_if(all, [&](const std::string& name) {
        const study::Shorthand& one = *study::find_shorthand(name);
        return (lacks && one.needs_more) || (!adapter_.empty() && one.trains == study::Trains::model);
      });
    if (given("--methods")) all = specs_of(methods_, registry_);
    all.insert(all.end(), specs_.begin(), specs_.end());
    return all;
  }

  /// Error: an option that no method reads. With --resume it may stay as it was: a method may have been left out.
  study::MethodDefaults defaults_for(const std::vector<std::string>& specs) const {
    study::MethodDefaults defaults{.settings = {{"capacity", capacity_}}, .rates = rates_of(rates_)};
    std::string targets = targets_;
    std::replace(targets.begin(), targets.end(), ',', '|');
    for (const SharedSetting& shared : {SharedSetting{"--gate", "gate", gate_},
                                        {"--body", "body", body_},
                                        {"--penalty", "penalty", penalty_},
                                        {"--init", "init", init_},
                                        {"--placement", "placement", placement_},
                                        {"--lora-targets", "targets", targets}}) {
      defaults.options[shared.key] = shared.option;
      if (given(shared.option) && !o_.resume) check_read(shared, specs);
      if (given(shared.option) || !shared.value.empty()) defaults.settings[shared.key] = shared.value;
    }
    return defaults;
  }

  /// Error: an option of pretraining that has no effect.
  void check_pretraining() const {
    if (!o_.model.empty())
      for (const char* option : {"--pretrain-steps", "--dim", "--layers", "--heads", "--kv-heads", "--ffn", "--vocab",
                                 "--pretrain-lr", "--tokenizer", "--tied"})
        require(!given(option), option, " is for pretraining and contradicts --model; leave one of them out");
    require(o_.tokenizer == "sentencepiece" || !given("--vocab"),
            "--vocab has no effect without --tokenizer sentencepiece; add that, or leave it out");
  }

  /// Values for --quick, except where one was given.
  void make_quick() {
    if (rates_.empty()) {  // one rate each: nothing to select
      o_.adapter_rates = {2e-3};
      o_.model_rates = {5e-4};
    }
    const auto set = [&](const char* option, Index& value, Index quick) {
      if (!given(option)) value = quick;
    };
    set("--pretrain-steps", o_.pretrain_steps, 60);
    set("--dim", o_.dim, 32);
    set("--layers", o_.layers, 2);
    set("--heads", o_.heads, 2);
    set("--vocab", o_.vocabulary, 512);
    set("--steps", o_.steps, 40);
    set("--batch", o_.batch, 8);
    set("--sequence", o_.sequence, 32);
    set("--seeds", o_.seeds, 1);
    if (!o_.lengths.empty()) o_.lengths = {o_.steps / 2, o_.steps};
  }

  const adapter::Registry& registry_;
  bool of_study_;
  study::Options o_;
  std::vector<std::string> rates_, specs_, default_specs_;
  io::Path adapter_;
  std::string methods_, alphas_, targets_;
  double capacity_ = 0.2;  // of the block weights, as in the paper
  std::string gate_ = "relu", body_ = "gated_unit", penalty_ = "l1", init_ = "low_variance", placement_ = "parallel";
  CLI::App app_{"Extend a language model to a new language or domain without losing the old one, and compare methods.",
                "extend"};
};

}  // namespace detail

/// Parses the command line of `extend`. --help lists the adapters and policies of the registry. Errors: as
/// parse_command_line and Options::check.
inline study::Options parse_options(int argc, const char* const* argv,
                                    const adapter::Registry& registry = adapter::Registry::with<gate::All>()) {
  return detail::ExtendParser(registry).parse(argc, argv);
}

}}}  // namespace neutra::NEUTRA_ABI::program
