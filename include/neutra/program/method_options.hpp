/// The options of `extend` that name methods, and the help on them.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/core/nearest.hpp"
#include "neutra/program/command_line.hpp"
#include "neutra/study/option_checks.hpp"
#include "neutra/study/shorthands.hpp"
#include "neutra/study/spec.hpp"
#include "neutra/train/regularisers.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

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

/// "0.001,0.003", as numbers_of reads it.
inline std::string listed_numbers(const std::vector<double>& numbers) {
  std::string text;
  for (const double number : numbers) text += concat(text.empty() ? "" : ",", number);
  return text;
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

/// The names of --methods as specs. Error: an unknown name, with the nearest one; a name given twice.
inline std::vector<std::string> specs_of(const std::string& list, const adapter::Registry& registry) {
  const std::vector<std::string> words = words_of(list);
  std::vector<std::string> known = study::shorthand_names();
  for (const std::string& name : registry.kind_names())
    if (!study::find_shorthand(name)) known.push_back(name);
  for (const std::string& word : words)
    require(std::count(known.begin(), known.end(), word) > 0, "--methods: there is no method '", word, "'",
            suggestion(word, known), "; known: ", listed(known));
  study::detail::check_different(words, "methods");
  return words;
}

/// An option for a setting of all shorthands that read it, such as --gate.
struct SharedSetting {
  const char* option;
  std::string key, value;
};
/// Error: no method of `specs` reads it.
inline void check_read(const SharedSetting& shared, const std::vector<std::string>& specs) {
  std::string readers;
  for (const study::Shorthand& one : study::shorthands()) {
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
      "  or a sweep, as {0.1,0.2}: one method for each combination. lr and alpha are settings of every method; of a\n"
      "  sweep of theirs the best is selected. trains=model trains all weights of the model. Several adapters on one\n"
      "  model are list(lora(rank=4), residue), each with its own capacity.\n"
      "  rate_factor.PART=0.1, weight_decay.PART=0 and frozen.PART=true hold for the parameters with PART in their\n"
      "  name, as gate or layers.3; the longest PART decides.\n"
      "  Regularisers change how weights are trained:\n";
  for_each_type(train::regulariser::All{}, [&]<class R>() {
    const train::Regulariser standard = R{};
    std::string settings;
    for (const auto& [key, setting] : standard.settings())
      settings += concat(settings.empty() ? "    " : ", ", key, '=', text_of(setting));
    text += settings + (R::needs.trained_backbone ? " (finetuning)\n" : "\n");
  });
  for (const study::Shorthand& one : study::shorthands()) {
    text += concat("  ", one.name, ": ", one.kind);
    for (const auto& [key, setting] : one.settings) text += concat(", ", key, '=', text_of(setting));
    if (!one.alphas.empty()) text += ", alpha=" + listed_numbers(one.alphas);
    text += one.trains == study::Trains::model ? ", trains=model\n" : "\n";
  }
  for (const auto& [name, kind] : registry.kinds) {
    std::string settings;
    for (const auto& [key, setting] : kind.defaults)
      settings += concat(settings.empty() ? "(" : ", ", key, '=', text_of(setting));
    text += concat("  ", name, settings, settings.empty() ? "\n" : ")\n");
  }
  return text;
}

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
