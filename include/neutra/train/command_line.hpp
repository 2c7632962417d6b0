/// The command line of `extend` to Options, and Options to the JSON that a run is remembered by.
#pragma once

#include "neutra/io/json.hpp"
#include "neutra/io/utf8.hpp"
#include "neutra/train/nearest.hpp"
#include "neutra/train/options.hpp"
#include "neutra/train/registry.hpp"

#include <CLI/CLI.hpp>

#include <charconv>
#include <concepts>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Thrown when the command line asked for nothing but its help; what() is the text.
class HelpAsked : public Error {
 public:
  using Error::Error;
};

/// "; write 0.8 with a point" where a text would be a number if its comma were one, else nothing.
inline std::string decimal_comma(std::string text) {
  const auto comma = text.find(',');
  if (comma == text.npos) return {};
  text[comma] = '.';
  double value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  return end.ec == std::errc{} && end.ptr == text.data() + text.size() ? concat("; write ", text, " with a point")
                                                                       : std::string();
}

/// "1e-3,2e-3" to numbers. Error: an item that is not a number in plain decimal digits, by name of the option: 0,001
/// are two, the second of which nobody writes so.
inline std::vector<double> numbers_of(std::string_view list, std::string_view option) {
  std::vector<double> numbers;
  for (std::size_t first = 0; first <= list.size();) {
    const std::size_t comma = std::min(list.find(',', first), list.size());
    double value = 0;
    const auto item = list.substr(first, comma - first);
    const auto end = std::from_chars(item.data(), item.data() + item.size(), value);
    const bool leading_zero = item.size() > 1 && item[0] == '0' && item[1] >= '0' && item[1] <= '9';
    require(end.ec == std::errc{} && end.ptr == item.data() + item.size() && !leading_zero, "--", option,
            " must be a number or a list such as 1e-3,2e-3, got '", list, "'",
            leading_zero ? decimal_comma(std::string(list)) : "");
    numbers.push_back(value);
    first = comma + 1;
  }
  return numbers;
}

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

/// Error: an option that takes one value and was given several times.
inline void check_once(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    const auto& values = option->results();
    if (values.size() < 2 || option->get_items_expected_max() != 1) continue;
    std::string given;
    for (std::size_t i = 0; i < values.size(); ++i)
      given += concat(i == 0 ? "" : i + 1 < values.size() ? ", " : " and ", values[i]);
    fail(option->get_name(), " was given ", values.size() == 2 ? "twice" : concat(values.size(), " times"), ": ", given,
         "; give it once");
  }
}

/// CLI11's complaint as an Error of ours; an unknown option gets the nearest known one.
[[noreturn]] inline void fail_parsing(const CLI::App& app, const CLI::ParseError& error) {
  check_once(app);
  if (dynamic_cast<const CLI::ExtrasError*>(&error)) {
    std::vector<std::string> known;
    for (const CLI::Option* option : app.get_options())
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    const auto extras = app.remaining();
    const std::string first = extras.empty() ? "" : extras.front().substr(0, extras.front().find('='));
    require(first.starts_with('-'), "there is a word too many, '", first,
            "': options begin with --, and a value with spaces stands in quotes");
    fail("unknown option ", first, suggestion(first.starts_with("--") ? first : "-" + first, known),
         "; --help lists all");
  }
  fail(error.what(), "; --help lists all options");
}

/// Whether all of the text is one number of type T and within its range, as CLI11 does not ask: it reads 010 as 8, 0x10
/// as 16, and what is beyond 64 bits as the largest number there is.
template <class T> bool reads_as(const std::string& text) {
  T value{};
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  return end.ec == std::errc{} && end.ptr == text.data() + text.size() &&
         (std::floating_point<T> || concat(value) == text);
}

/// What holds for the values of every option. Error: one that is empty, or a number in another form than its plain
/// decimal digits.
inline void check_values(const CLI::App& app, std::string_view may_be_empty) {
  for (const CLI::Option* option : app.get_options())
    for (const std::string& value : option->results()) {
      const std::string name = option->get_name(), type = option->get_type_name();
      require(!value.empty() || name == may_be_empty, name, " must not be empty; give it a value or leave it out");
      const bool integer = type.starts_with("INT"), natural = type.starts_with("UINT");
      require(!integer || reads_as<Index>(value), name,
              " must be a whole number in plain decimal digits, within 64 bits, got ", value);
      require(!natural || reads_as<std::uint64_t>(value), name,
              " must be a whole number from 0 up in plain decimal digits, within 64 bits, got ", value);
      require(!type.starts_with("FLOAT") || reads_as<double>(value), name,
              " must be a number such as 0.1 or 1e-3, got ", value, decimal_comma(value));
    }
}

}  // namespace detail

/// Parses a prepared command line; the one option that may be empty is named. Errors: an unknown option, with the
/// nearest; a value that is missing, empty, of the wrong kind or out of range; HelpAsked.
inline void parse_command_line(CLI::App& app, int argc, const char* const* argv, std::string_view may_be_empty = {}) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    throw HelpAsked(app.help());
  } catch (const CLI::ParseError& error) {
    if (dynamic_cast<const CLI::ConversionError*>(&error))
      detail::check_values(app, may_be_empty);  // says what was expected, as CLI11 does not
    detail::fail_parsing(app, error);
  }
  detail::check_values(app, may_be_empty);
}

/// The options of `extend`; the registry's policies are those that --help names. Errors: see parse_command_line and
/// Options::check.
inline Options parse_options(int argc, const char* const* argv,
                             const Registry& registry = Registry::with<gate::All>()) {
  Options o;
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
      app.add_option("--methods", methods, one_of("what is compared, default all", known_methods));
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
  const auto* given_sites =
      app.add_option("--lora-targets", sites, one_of("projections of lora, default all", Registry::site_names()));
  app.add_option("--gate", o.gate, one_of("of neutral", registry.gates.names()))->capture_default_str();
  app.add_option("--body", o.body, one_of("of neutral and adapter", registry.bodies.names()))->capture_default_str();
  app.add_option("--penalty", o.penalty, one_of("of neutral", registry.penalties.names()))->capture_default_str();
  app.add_option("--init", o.init, one_of("of neutral", registry.inits.names()))->capture_default_str();
  app.add_option("--placement", o.placement, one_of("of neutral and adapter", Registry::placement_names()))
      ->capture_default_str();
  app.add_option("--threads", o.threads, "0: all of the machine; results do not depend on it")->capture_default_str();
  app.add_flag("--quick", o.quick, "a run of seconds that shows that all works");
  app.add_option("--out", o.out, "folder for results, models and checkpoints");
  app.add_flag("--resume", o.resume, "continue the run in --out");
  parse_command_line(app, argc, argv);
  if (given_warmup->count() > 0) detail::check_from_zero(o.warmup, "warmup");
  if (given_methods->count() > 0) o.methods = detail::words_of(methods);
  if (given_alphas->count() > 0) o.alphas = numbers_of(alphas, "alpha");
  if (given_sites->count() > 0) o.lora_sites = Registry::sites(sites);
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

/// What a run is remembered by: everything that its numbers depend on.
inline io::Json to_json(const Options& o) {
  const auto names = [](const std::vector<Path>& paths) {
    io::Json list = io::Json::array();
    for (const Path& path : paths) list.push_back(io::utf8_text(path.native()));
    return list;
  };
  std::string sites;
  for (const adapter::Site site : o.lora_sites) sites += concat(sites.empty() ? "" : ",", adapter::to_string(site));
  io::Json rates = io::Json::object();
  for (const auto& [method, values] : o.rates) rates[method.empty() ? "any" : method] = values;
  io::Json json = {{"original", names(o.original)},
                   {"target", names(o.target)},
                   {"eval_original", names(o.eval_original)},
                   {"eval_target", names(o.eval_target)},
                   {"methods", o.methods},
                   {"steps", o.steps},
                   {"seeds", o.seeds},
                   {"share", o.share},
                   {"alpha", o.alphas},
                   {"capacity", o.capacity},
                   {"lr", rates},
                   {"whole_curve", o.whole_curve},
                   {"batch", o.batch},
                   {"sequence", o.sequence},
                   {"accumulate", o.accumulate},
                   {"warmup", o.warmup_of(o.steps)},
                   {"weight_decay", o.weight_decay},
                   {"clip", o.clip},
                   {"precision", o.precision},
                   {"lora_targets", sites},
                   {"gate", o.gate},
                   {"body", o.body},
                   {"penalty", o.penalty},
                   {"init", o.init},
                   {"placement", o.placement}};
  if (!o.model.empty())
    json["model"] = io::utf8_text(o.model.native());
  else
    json.update({{"pretrain_steps", o.pretrain_steps},
                 {"dim", o.dim},
                 {"layers", o.layers},
                 {"heads", o.heads},
                 {"kv_heads", o.kv_heads},
                 {"ffn", o.ffn_width()},
                 {"vocab", o.vocabulary},
                 {"pretrain_lr", o.pretrain_lr},
                 {"tokenizer", io::utf8_text(o.tokenizer)},
                 {"tied", o.tied}});
  return json;
}

}}}  // namespace neutra::NEUTRA_ABI::train
