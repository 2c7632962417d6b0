/// The command line of `extend`.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/core/nearest.hpp"
#include "neutra/program/command_line.hpp"
#include "neutra/study/options.hpp"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

namespace detail {

/// "1e-3,2e-3" sets the rates of all methods, "finetune=5e-4,1e-3" those of one; further items are added. A setting for
/// all methods replaces the defaults.
inline void add_rates(const std::vector<std::string>& given, std::map<std::string, std::vector<double>>& rates) {
  std::map<std::string, std::vector<double>> own;
  for (const std::string& text : given) {
    const auto equals = text.find('=');
    auto& values = own[equals == text.npos ? "" : text.substr(0, equals)];
    for (const double value : numbers_of(equals == text.npos ? text : text.substr(equals + 1), "lr"))
      values.push_back(value);
  }
  if (own.contains("")) rates.clear();
  for (auto& [method, values] : own) rates[method] = std::move(values);
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

}  // namespace detail

/// Parses the command line of `extend`. --help lists the policies of the registry. Errors: as parse_command_line and
/// Options::check.
inline study::Options parse_options(int argc, const char* const* argv,
                                    const adapter::Registry& registry = adapter::Registry::with<gate::All>()) {
  study::Options o;
  const auto one_of = [](std::string_view of, const std::vector<std::string>& names) {
    return concat(of, ": ", listed(names));
  };
  std::vector<std::string> rates;
  std::string methods, alphas, sites;
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
      app.add_option("--methods", methods, one_of("methods to compare, default all", study::known_methods));
  const auto* steps = app.add_option("--steps", o.steps, "steps of each extension")->capture_default_str();
  app.add_option("--seeds", o.seeds, "extension seeds")->capture_default_str();
  app.add_option("--share", o.share, "fraction p of original sequences in training")->capture_default_str();
  const auto* given_alphas =
      app.add_option("--alpha", alphas, "weight of the local loss, default 0.01; with several, the best is selected");
  app.add_option("--capacity", o.capacity, "extra weights, as a fraction of the blocks' weights")
      ->capture_default_str();
  app.add_option(
      "--lr", rates,
      "learning rates, for all methods (1e-3,2e-3) or one (finetune=5e-4,1e-3); with several, the best is selected");
  app.add_flag("!--chosen-rate-only", o.whole_curve, "run further seeds with the selected rate only");
  const auto* batch = app.add_option("--batch", o.batch, "sequences per step")->capture_default_str();
  const auto* sequence = app.add_option("--sequence", o.sequence, "tokens per sequence")->capture_default_str();
  app.add_option("--accumulate", o.accumulate, "micro-batches per step (gradient accumulation)")->capture_default_str();
  app.add_option("--precision", o.precision, "matmul input precision: float or bf16; sums are float32")
      ->capture_default_str();
  app.add_flag("--recompute", o.recompute,
               "rematerialise layers in the backward pass: less memory, more time, the same numbers");
  const auto* given_warmup =
      app.add_option("--warmup", o.warmup, "steps of linear warm-up; default a twentieth of the run");
  app.add_option("--weight-decay", o.weight_decay, "weight decay of matrices")->capture_default_str();
  app.add_option("--clip", o.clip, "clip the gradient to this norm; 0: no clipping")->capture_default_str();
  const auto* given_sites = app.add_option(
      "--lora-targets", sites, one_of("projections that lora adapts, default all", adapter::Registry::site_names()));
  app.add_option("--gate", o.gate, one_of("gate of neutral", registry.gates.names()))->capture_default_str();
  app.add_option("--body", o.body, one_of("body of neutral and adapter", registry.bodies.names()))
      ->capture_default_str();
  app.add_option("--penalty", o.penalty, one_of("penalty of neutral", registry.penalties.names()))
      ->capture_default_str();
  app.add_option("--init", o.init, one_of("initialisation of neutral", registry.inits.names()))->capture_default_str();
  app.add_option("--placement", o.placement,
                 one_of("placement of neutral and adapter", adapter::Registry::placement_names()))
      ->capture_default_str();
  app.add_option("--threads", o.threads, "number of threads, 0: all; results do not depend on it")
      ->capture_default_str();
  app.add_flag("--quick", o.quick, "a run of seconds that shows that everything works");
  app.add_option("--out", o.out, "folder for results, models and checkpoints");
  app.add_flag("--resume", o.resume, "continue the run in --out");
  parse_command_line(app, argc, argv);
  if (given_warmup->count() > 0) study::detail::check_from_zero(o.warmup, "warmup");
  if (given_methods->count() > 0) o.methods = detail::words_of(methods);
  if (given_alphas->count() > 0) o.alphas = numbers_of(alphas, "alpha");
  if (given_sites->count() > 0) o.lora_sites = adapter::Registry::sites(sites);
  detail::add_rates(rates, o.rates);
  if (!o.model.empty())
    for (const char* option : {"--pretrain-steps", "--dim", "--layers", "--heads", "--kv-heads", "--ffn", "--vocab",
                               "--pretrain-lr", "--tokenizer", "--tied"})
      require(app.get_option(option)->count() == 0, option,
              " is for pretraining and contradicts --model; leave one of them out");
  // A method that --resume drops was compared before, and its options must be given again.
  const auto compared = [&](const char* method) {
    return o.resume || std::find(o.methods.begin(), o.methods.end(), method) != o.methods.end();
  };
  const auto needs = [&](bool met, std::string_view condition, std::initializer_list<const char*> options) {
    for (const char* option : options)
      require(met || app.get_option(option)->count() == 0, option, " has no effect without ", condition,
              "; add that, or leave it out");
  };
  needs(compared("neutral"), "neutral among --methods", {"--alpha", "--gate", "--penalty", "--init"});
  needs(compared("neutral") || compared("adapter"), "neutral or adapter among --methods", {"--body", "--placement"});
  needs(compared("lora"), "lora among --methods", {"--lora-targets"});
  needs(o.tokenizer == "sentencepiece", "--tokenizer sentencepiece", {"--vocab"});
  needs(o.penalty != "none", "a --penalty other than none", {"--alpha"});
  if (o.quick && rates.empty()) o.rates = {{"", {2e-3}}, {"finetune", {5e-4}}};  // one rate each: nothing to select
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
