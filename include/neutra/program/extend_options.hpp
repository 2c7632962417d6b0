/// The command line of `extend`.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/core/nearest.hpp"
#include "neutra/program/command_line.hpp"
#include "neutra/study/methods.hpp"
#include "neutra/study/options.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

namespace detail {

/// "1e-3,2e-3" sets the rates of all methods, "finetune=5e-4,1e-3" those of one; further items are added.
inline std::map<std::string, std::vector<double>> rates_of(const std::vector<std::string>& given) {
  std::map<std::string, std::vector<double>> rates;
  for (const std::string& text : given) {
    const auto equals = text.find('=');
    auto& values = rates[equals == text.npos ? "" : text.substr(0, equals)];
    for (const double value : numbers_of(equals == text.npos ? text : text.substr(equals + 1), "lr"))
      values.push_back(value);
  }
  return rates;
}

inline std::vector<std::string> words_of(const std::string& list) {
  std::vector<std::string> words;
  for (std::size_t first = 0; first <= list.size();) {
    const std::size_t comma = std::min(list.find(',', first), list.size());
    words.push_back(list.substr(first, comma - first));
    first = comma + 1;
  }
  return words;
}

/// The names of --methods as specs. Error: what is no name, the nearest beside it; one twice.
inline std::vector<std::string> specs_of(const std::string& list, const adapter::Registry& registry) {
  const std::vector<std::string> words = words_of(list);
  std::vector<std::string> known = study::shorthand_names();
  for (const std::string& name : registry.kind_names()) known.push_back(name);
  for (const std::string& word : words)
    require(std::count(known.begin(), known.end(), word) > 0, "--methods: there is no method '", word, "'",
            suggestion(word, known), "; known: ", listed(known));
  study::detail::check_different(words, "methods");
  return words;
}

/// Options that set something in the shorthands that read it: option, setting, value.
struct SharedSetting {
  const char* option;
  std::string key, value;
};
/// Error: one that was given and that no method reads; a method that --resume leaves out was compared before, and its
/// options may stay.
inline void check_read(const SharedSetting& shared, const std::vector<std::string>& specs) {
  std::string readers;
  for (const study::Shorthand& one : study::shorthands) {
    if (std::count(one.reads.begin(), one.reads.end(), shared.key) == 0) continue;
    readers += concat(readers.empty() ? "" : " or ", one.name);
    for (const std::string& spec : specs)
      for (const study::Term& term : study::parse_spec(spec).terms)
        if (term.name == one.name) return;
  }
  fail(shared.option, " has no effect without ", readers, " among --methods; add that, or leave it out");
}

/// What a method may be, for the end of --help.
inline std::string methods_help(const adapter::Registry& registry) {
  std::string text =
      "Methods: --method [LABEL:] NAME[(SETTING=VALUE, ...)]\n"
      "  a value may be a policy with options, as jump_relu(threshold=0.2), a wrapper, as two_layer(tanh, hidden=64),\n"
      "  or a sweep, as {0.1,0.2}: one method for each combination. lr and alpha are settings of every method; a "
      "sweep\n"
      "  of theirs is tried, and one is chosen. trains=model trains all weights of the model.\n";
  for (const study::Shorthand& one : study::shorthands) {
    text += concat("  ", one.name, ": ", one.kind);
    for (const auto& [key, setting] : one.settings) text += concat(", ", key, '=', text_of(setting));
    text += one.trains == study::Trains::model ? ", trains=model\n" : "\n";
  }
  for (const auto& [name, kind] : registry.kinds) {
    text += concat("  ", name, '(');
    for (const auto& [key, setting] : kind.defaults)
      text += concat(key == kind.defaults.begin()->first ? "" : ", ", key, '=', text_of(setting));
    text += ")\n";
  }
  return text;
}

}  // namespace detail

/// Parses the command line of `extend`. --help lists the adapters and policies of the registry. Errors: as
/// parse_command_line and Options::check.
inline study::Options parse_options(int argc, const char* const* argv,
                                    const adapter::Registry& registry = adapter::Registry::with<gate::All>()) {
  study::Options o;
  const auto one_of = [](std::string_view of, const std::vector<std::string>& names) {
    return concat(of, ": ", listed(names));
  };
  std::vector<std::string> rates, specs;
  std::string methods, alphas, targets;
  double capacity = 0.2;  // of the block weights, as in the paper
  std::string gate = "relu", body = "gated_unit", penalty = "l1", init = "low_variance", placement = "parallel";
  CLI::App app("Extend a language model to a new language or domain without losing the old one, and compare methods.",
               "extend");
  app.add_option("--original", o.original, "text of the domain that the model knows; one file or several");
  app.add_option("--target", o.target, "text of the domain to extend to");
  app.add_option("--eval-original", o.eval_original,
                 "validation text; default: the last tenth of --original is held out");
  app.add_option("--eval-target", o.eval_target, "validation text; default: the last tenth of --target is held out");
  app.add_option("--model", o.model, "a Hugging Face folder of a model; default: pretrain one on the original text");
  const auto* pretrain_steps =
      app.add_option("--pretrain-steps", o.pretrain_steps, "steps of pretraining")->capture_default_str();
  const auto* dim = app.add_option("--dim", o.dim, "model width")->capture_default_str();
  const auto* layers = app.add_option("--layers", o.layers, "layers")->capture_default_str();
  const auto* heads = app.add_option("--heads", o.heads, "query heads")->capture_default_str();
  app.add_option("--kv-heads", o.kv_heads, "key/value heads; 0: as many as heads")->capture_default_str();
  app.add_option("--ffn", o.ffn, "FFN width; 0: 8/3 of dim")->capture_default_str();
  const auto* vocabulary =
      app.add_option("--vocab", o.vocabulary, "vocabulary size of the trained tokenizer")->capture_default_str();
  app.add_option("--pretrain-lr", o.pretrain_lr, "learning rate of pretraining")->capture_default_str();
  app.add_option("--tokenizer", o.tokenizer, "sentencepiece (trained on the original text), byte, or a tokenizer.model")
      ->capture_default_str();
  app.add_flag("--tied", o.tied, "share the weights of embedding and head");
  const auto* given_methods =
      app.add_option("--methods", methods, one_of("methods to compare, default", study::shorthand_names()));
  app.add_option("--method", specs,
                 "a method to compare, such as 'mine: residue(gate=elu)'; see below; may be given several times");
  app.add_option("--baseline", o.baseline,
                 "label of the method that the others are compared with; default adapter, if it is among them");
  const auto* steps = app.add_option("--steps", o.steps, "steps of each extension")->capture_default_str();
  app.add_option("--seeds", o.seeds, "extension seeds")->capture_default_str();
  app.add_option("--share", o.share, "fraction p of original sequences in training")->capture_default_str();
  const auto* given_alphas =
      app.add_option("--alpha", alphas, "weight of the local loss, default 0.01; with several, the best is selected");
  app.add_option("--capacity", capacity, "extra weights, as a fraction of the blocks' weights")->capture_default_str();
  app.add_option(
      "--lr", rates,
      "learning rates, for all methods (1e-3,2e-3) or one (finetune=5e-4,1e-3); with several, the best is selected");
  app.add_flag("!--chosen-rate-only", o.whole_curve, "run further seeds with the selected rate only");
  const auto* batch = app.add_option("--batch", o.batch, "sequences per step")->capture_default_str();
  const auto* sequence = app.add_option("--sequence", o.sequence, "tokens per sequence")->capture_default_str();
  app.add_option("--accumulate", o.accumulate, "micro-batches per step (gradient accumulation)")->capture_default_str();
  add_precision(app, o.precision);
  app.add_flag("--recompute", o.recompute,
               "rematerialise layers in the backward pass: less memory, more time, the same numbers");
  const auto* given_warmup =
      app.add_option("--warmup", o.warmup, "steps of linear warm-up; default a twentieth of the run");
  app.add_option("--weight-decay", o.weight_decay, "weight decay of matrices")->capture_default_str();
  app.add_option("--clip", o.clip, "clip the gradient to this norm; 0: no clipping")->capture_default_str();
  app.add_option("--lora-targets", targets,
                 one_of("projections that lora adapts, default all",
                        {adapter::site_names.begin(), adapter::site_names.begin() + adapter::projection_sites}));
  app.add_option("--gate", gate, one_of("gate of neutral", registry.gates.names()))->capture_default_str();
  app.add_option("--body", body, one_of("body of neutral and adapter", registry.bodies.names()))->capture_default_str();
  app.add_option("--penalty", penalty, one_of("penalty of neutral", registry.penalties.names()))->capture_default_str();
  app.add_option("--init", init, one_of("initialisation of neutral", registry.inits.names()))->capture_default_str();
  app.add_option(
         "--placement", placement,
         one_of("placement of neutral and adapter", {adapter::placement_names.begin(), adapter::placement_names.end()}))
      ->capture_default_str();
  app.add_option("--threads", o.threads, "number of threads, 0: all; results do not depend on it")
      ->capture_default_str();
  app.add_flag("--quick", o.quick, "a run of seconds that shows that everything works");
  app.add_option("--out", o.out, "folder for results, models and checkpoints");
  app.add_flag("--resume", o.resume, "continue the run in --out");
  app.footer(detail::methods_help(registry));
  parse_command_line(app, argc, argv);
  if (given_warmup->count() > 0) study::detail::check_from_zero(o.warmup, "warmup");
  if (given_alphas->count() > 0) o.alphas = numbers_of(alphas, "alpha");
  std::vector<std::string> all = specs.empty() ? study::shorthand_names() : std::vector<std::string>{};
  if (given_methods->count() > 0) all = detail::specs_of(methods, registry);
  all.insert(all.end(), specs.begin(), specs.end());
  study::detail::check_positive(capacity, "capacity");
  std::replace(targets.begin(), targets.end(), ',', '|');
  study::MethodDefaults defaults{.settings = {{"capacity", capacity}}, .rates = detail::rates_of(rates)};
  for (const detail::SharedSetting& shared : {detail::SharedSetting{"--gate", "gate", gate},
                                              {"--body", "body", body},
                                              {"--penalty", "penalty", penalty},
                                              {"--init", "init", init},
                                              {"--placement", "placement", placement},
                                              {"--lora-targets", "targets", targets}}) {
    defaults.options[shared.key] = shared.option;
    const bool given = app.get_option(shared.option)->count() > 0;
    if (given && !o.resume) detail::check_read(shared, all);
    if (given || !shared.value.empty()) defaults.settings[shared.key] = shared.value;
  }
  if (!o.model.empty())
    for (const char* option : {"--pretrain-steps", "--dim", "--layers", "--heads", "--kv-heads", "--ffn", "--vocab",
                               "--pretrain-lr", "--tokenizer", "--tied"})
      require(app.get_option(option)->count() == 0, option,
              " is for pretraining and contradicts --model; leave one of them out");
  require(o.tokenizer == "sentencepiece" || app.get_option("--vocab")->count() == 0,
          "--vocab has no effect without --tokenizer sentencepiece; add that, or leave it out");
  if (o.quick && rates.empty()) {  // one rate each: nothing to select
    o.adapter_rates = {2e-3};
    o.model_rates = {5e-4};
  }
  o.methods = study::methods_of(all, registry, defaults);
  const bool any_alpha = std::any_of(o.methods.begin(), o.methods.end(), [](const auto& m) { return m.has_alpha(); });
  require(given_alphas->count() == 0 || o.resume || any_alpha,
          "--alpha has no effect without a method that has a local loss; add one, or leave it out");
  if (o.quick)
    for (const auto& [option, value, quick] : {std::tuple{pretrain_steps, &o.pretrain_steps, Index{60}},
                                               {dim, &o.dim, 32},
                                               {layers, &o.layers, 2},
                                               {heads, &o.heads, 2},
                                               {vocabulary, &o.vocabulary, 512},
                                               {steps, &o.steps, 40},
                                               {batch, &o.batch, 8},
                                               {sequence, &o.sequence, 32}})
      if (option->count() == 0) *value = quick;
  o.check();
  return o;
}

}}}  // namespace neutra::NEUTRA_ABI::program
