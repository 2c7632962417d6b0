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

/// "1e-3,2e-3" for all methods, "finetune=5e-4,1e-3" for one; further words add to what was given. Defaults go where
/// all methods are spoken of.
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

/// The options of `extend`; the registry's policies are those that --help names. Errors: see parse_command_line and
/// Options::check.
inline study::Options parse_options(int argc, const char* const* argv,
                                    const adapter::Registry& registry = adapter::Registry::with<gate::All>()) {
  study::Options o;
  const auto one_of = [](std::string_view of, const std::vector<std::string>& names) {
    return concat(of, ": ", listed(names));
  };
  std::vector<std::string> rates;
  std::string methods, alphas, sites;
  CLI::App app(
      "Extend a language model to a new language or domain without losing the old one, and compare the ways to do it.",
      "extend");
  app.add_option("--original", o.original, "text of the domain the model knows; one file or several");
  app.add_option("--target", o.target, "text of the domain to extend to");
  app.add_option("--eval-original", o.eval_original, "validation text; else the last tenth of --original is held out");
  app.add_option("--eval-target", o.eval_target, "validation text; else the last tenth of --target is held out");
  app.add_option("--model", o.model, "a Hugging Face folder of a model; else one is pretrained on the original text");
  const auto* pretrain_steps =
      app.add_option("--pretrain-steps", o.pretrain_steps, "steps of pretraining")->capture_default_str();
  const auto* dim = app.add_option("--dim", o.dim, "model width")->capture_default_str();
  const auto* layers = app.add_option("--layers", o.layers, "layers")->capture_default_str();
  const auto* heads = app.add_option("--heads", o.heads, "query heads")->capture_default_str();
  app.add_option("--kv-heads", o.kv_heads, "key/value heads; 0: as many as heads")->capture_default_str();
  app.add_option("--ffn", o.ffn, "FFN width; 0: 8/3 of dim")->capture_default_str();
  const auto* vocabulary =
      app.add_option("--vocab", o.vocabulary, "pieces of the trained tokenizer")->capture_default_str();
  app.add_option("--pretrain-lr", o.pretrain_lr, "learning rate of pretraining")->capture_default_str();
  app.add_option("--tokenizer", o.tokenizer, "sentencepiece (trained on the original text), byte, or a tokenizer.model")
      ->capture_default_str();
  app.add_flag("--tied", o.tied, "share embedding and head");
  const auto* given_methods =
      app.add_option("--methods", methods, one_of("what is compared, default all", study::known_methods));
  const auto* steps = app.add_option("--steps", o.steps, "steps of each extension")->capture_default_str();
  app.add_option("--seeds", o.seeds, "extension seeds")->capture_default_str();
  app.add_option("--share", o.share, "share p of original sequences")->capture_default_str();
  const auto* given_alphas =
      app.add_option("--alpha", alphas, "weight of the local loss; several: chosen among them; default 0.01");
  app.add_option("--capacity", o.capacity, "extra weights over the weights of the blocks")->capture_default_str();
  app.add_option("--lr", rates, "learning rates to try, for all methods (1e-3,2e-3) or one (finetune=5e-4,1e-3)");
  app.add_flag("!--chosen-rate-only", o.whole_curve, "run seeds after the first with the chosen rate alone");
  const auto* batch = app.add_option("--batch", o.batch, "sequences of a step")->capture_default_str();
  const auto* sequence = app.add_option("--sequence", o.sequence, "tokens of a sequence")->capture_default_str();
  app.add_option("--accumulate", o.accumulate, "micro-batches a step is cut into")->capture_default_str();
  app.add_option("--precision", o.precision, "float, or bf16: what products round to before they multiply")
      ->capture_default_str();
  app.add_flag("--recompute", o.recompute,
               "less memory for more time: layers are computed once more on the way back; no number changes");
  const auto* given_warmup = app.add_option("--warmup", o.warmup, "steps of warm-up; default a twentieth of the run");
  app.add_option("--weight-decay", o.weight_decay, "of matrices")->capture_default_str();
  app.add_option("--clip", o.clip, "largest gradient norm; 0: no limit")->capture_default_str();
  const auto* given_sites = app.add_option("--lora-targets", sites,
                                           one_of("projections of lora, default all", adapter::Registry::site_names()));
  app.add_option("--gate", o.gate, one_of("of neutral", registry.gates.names()))->capture_default_str();
  app.add_option("--body", o.body, one_of("of neutral and adapter", registry.bodies.names()))->capture_default_str();
  app.add_option("--penalty", o.penalty, one_of("of neutral", registry.penalties.names()))->capture_default_str();
  app.add_option("--init", o.init, one_of("of neutral", registry.inits.names()))->capture_default_str();
  app.add_option("--placement", o.placement, one_of("of neutral and adapter", adapter::Registry::placement_names()))
      ->capture_default_str();
  app.add_option("--threads", o.threads, "0: all of the machine; results do not depend on it")->capture_default_str();
  app.add_flag("--quick", o.quick, "a run of seconds that shows that all works");
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
              " is for a model that is pretrained here and contradicts --model; leave one of them out");
  const auto compared = [&](const char* method) {  // a method that --resume leaves out was compared before, and its
                                                   // options must be given again
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
  if (o.quick && rates.empty()) o.rates = {{"", {2e-3}}, {"finetune", {5e-4}}};  // one each: nothing to choose
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
