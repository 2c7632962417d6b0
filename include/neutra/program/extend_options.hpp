/// The command line of `extend`.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/program/backbone_options.hpp"
#include "neutra/program/command_line.hpp"
#include "neutra/program/comparison_options.hpp"
#include "neutra/program/device_option.hpp"
#include "neutra/program/method_options.hpp"
#include "neutra/program/option_group.hpp"
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

/// The options of `extend`, in the groups that --help shows. Used once. A study has them too, with defaults and methods
/// of its own.
class ExtendParser {
 public:
  explicit ExtendParser(const adapter::Registry& registry)
      : ExtendParser(registry, {}, study::shorthand_names(), false) {}
  /// For a study.
  ExtendParser(const adapter::Registry& registry, study::Options defaults, std::vector<std::string> methods,
               bool of_study = true)
      : registry_(registry), of_study_(of_study), o_(std::move(defaults)), comparison_{std::move(methods), of_study} {
    add_texts();
    add_backbone(app_, o_, adapter_);
    comparison_.add_to(app_, o_, registry_);
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
    if (given(app_, "--warmup")) study::detail::check_from_zero(o_.warmup, "warmup");
    if (given(app_, "--alpha")) o_.alphas = numbers_of(comparison_.alphas, "alpha");
    if (given(app_, "--steps")) o_.lengths.clear();  // one value in place of a study's sweep
    if (given(app_, "--share")) o_.shares.clear();
    study::detail::check_positive(comparison_.capacity, "capacity");
    const std::vector<std::string> specs = comparison_.all_specs(app_, o_, registry_);
    const study::MethodDefaults defaults = comparison_.defaults_for(specs, app_, o_.resume);
    check_pretraining(app_, o_);
    if (!adapter_.empty()) o_.adapter = train::saved_adapter(adapter_, registry_);
    o_.methods = study::methods_of(specs, registry_, defaults);
    const bool any_alpha = std::any_of(o_.methods.begin(), o_.methods.end(),
                                       [](const auto& m) { return m.has_alpha() && m.alphas.empty(); });
    require(!given(app_, "--alpha") || o_.resume || any_alpha,
            "--alpha has no effect without a method that has a local loss and no alpha of its own; add one, or leave "
            "it out");
    if (o_.quick) make_quick();
    if (check) o_.check();
    return std::move(o_);
  }

 private:
  void add_texts() {
    begin_group(app_, "Texts");
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

  void add_training() {
    begin_group(app_, "Training");
    add_with_default(app_, "--steps", o_.steps, "steps of each extension");
    add_with_default(app_, "--share", o_.share, "fraction p of original sequences in training");
    add_with_default(app_, "--batch", o_.batch, "sequences per step");
    add_with_default(app_, "--sequence", o_.sequence, "tokens per sequence");
    add_with_default(app_, "--accumulate", o_.accumulate, "micro-batches per step (gradient accumulation)");
    app_.add_option("--warmup", o_.warmup, "steps of linear warm-up; default a twentieth of the run");
    add_with_default(app_, "--weight-decay", o_.weight_decay, "weight decay of matrices");
    add_with_default(app_, "--clip", o_.clip, "clip the gradient to this norm; 0: no clipping");
    add_precision(app_, o_.precision);
    add_base_precision(app_, o_.base_precision);
    app_.add_flag("--recompute", o_.recompute,
                  "rematerialise layers in the backward pass: less memory, more time, the same numbers");
  }

  void add_evaluation() {
    begin_group(app_, "Evaluation");
    app_.add_option(
        "--scales", o_.scales,
        "score every trained adapter at these scales too; 0: the backbone, 1: the whole adapter, scored anyway");
    app_.add_option("--thresholds", o_.thresholds, "score every adapter with gates with those below these closed too");
  }

  void add_run() {
    begin_group(app_, "Run");
    add_device(app_);
    add_with_default(app_, "--threads", o_.threads, "number of threads, 0: all; results do not depend on it");
    app_.add_flag("--quick", o_.quick, "a run of seconds that shows that everything works");
    app_.add_option("--out", o_.out, "folder for results, models and checkpoints");
    if (!of_study_) app_.add_flag("--resume", o_.resume, "continue the run in --out");
  }

  /// Values for --quick, except where one was given.
  void make_quick() {
    if (comparison_.rates.empty()) {  // one rate each: nothing to select
      o_.adapter_rates = {2e-3};
      o_.model_rates = {5e-4};
    }
    const auto set = [&](const char* option, Index& value, Index quick) {
      if (!given(app_, option)) value = quick;
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
  io::Path adapter_;
  ComparisonOptions comparison_;
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
