/// Methods from the specs of a command line.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/study/distinctions.hpp"
#include "neutra/study/method.hpp"
#include "neutra/study/spec.hpp"
#include "neutra/train/regularisers.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// What methods have unless they set it themselves.
struct MethodDefaults {
  Settings settings{};  // for shorthands that read them; "capacity" for every adapter that has one
  std::map<std::string, std::string> options{};  // the option that such a setting came from, as in --gate, for messages
  std::map<std::string, std::vector<double>> rates{};  // by label or name; "" for all; else those of the study
};

namespace detail {

/// A method, and the name and the label in its spec.
struct Asked {
  Method method;
  std::string name, label;
  Settings told{};  // what may distinguish it from others of its label: settings, rates and alphas
};

inline std::string joined(const std::vector<double>& numbers) {
  std::string text;
  for (const double number : numbers) text += concat(text.empty() ? "" : "|", number);
  return text;
}

/// Takes the options of parameter groups, such as rate_factor.gate, out of settings. Groups of longer names come first,
/// and so decide. Error (SettingError): a value of another type.
inline std::vector<optim::ParameterGroup> take_groups(Settings& settings) {
  std::map<std::string, optim::ParameterGroup> by_name;
  const auto take = [&]<class T>(const std::string& prefix, std::optional<T> optim::ParameterGroup::*option) {
    for (auto at = settings.lower_bound(prefix); at != settings.end() && at->first.starts_with(prefix);) {
      optim::ParameterGroup& group = by_name[at->first.substr(prefix.size())];
      group.name = at->first.substr(prefix.size());
      read_setting(at->first, at->second, (group.*option).emplace());
      at = settings.erase(at);
    }
  };
  take("rate_factor.", &optim::ParameterGroup::rate_factor);
  take("weight_decay.", &optim::ParameterGroup::weight_decay);
  take("frozen.", &optim::ParameterGroup::frozen);
  std::vector<optim::ParameterGroup> groups;
  for (auto& [name, group] : by_name) groups.push_back(std::move(group));
  std::stable_sort(groups.begin(), groups.end(),
                   [](const auto& a, const auto& b) { return a.name.size() > b.name.size(); });
  return groups;
}

/// Error: with the place in the spec, or the option that the setting came from.
inline Method make_method(const Spec& spec, const Term& term, const adapter::Registry& registry,
                          const MethodDefaults& defaults) {
  const Shorthand* shorthand = find_shorthand(term.name);
  const std::string kind(shorthand ? shorthand->kind : term.name);
  if (!registry.kinds.contains(kind)) {
    std::vector<std::string> known = shorthand_names();
    for (const std::string& name : registry.kind_names())
      if (!find_shorthand(name)) known.push_back(name);
    spec.fail_at(term.start, "there is no method '", io::printable(term.name), "'", suggestion(term.name, known),
                 "; known: ", listed(known));
  }
  Settings settings = shorthand ? shorthand->settings : Settings{};
  for (const auto& [key, setting] : defaults.settings) {
    const bool read = shorthand && std::count(shorthand->reads.begin(), shorthand->reads.end(), key) > 0;
    if (read || (key == "capacity" && registry.kinds.at(kind).defaults.contains(key))) settings.emplace(key, setting);
  }
  for (const auto& [key, setting] : term.settings) {
    if (key.find('.') == key.npos) adapter::detail::take_below(settings, key);  // options of another policy
    settings[key] = setting;
  }
  Trains trains = shorthand ? shorthand->trains : Trains::adapter;
  try {
    if (const auto given = settings.extract("trains")) {
      const std::string what = text_of(given.mapped());
      if (what != "model" && what != "adapter")
        throw SettingError("trains", " must be model or adapter, got '" + what + "'");
      trains = what == "model" ? Trains::model : Trains::adapter;
    }
    auto groups = take_groups(settings);
    auto regularisers = train::take_regularisers(settings);
    return {.adapter = registry.make(kind, settings),
            .trains = trains,
            .rates = term.rates,
            .alphas = term.alphas,
            .groups = std::move(groups),
            .regularisers = std::move(regularisers)};
  } catch (const SettingError& error) {
    const auto at = term.at.find(error.key());
    const auto option = defaults.options.find(error.key());
    if (at == term.at.end() && option != defaults.options.end()) fail(option->second, error.rule());
    spec.fail_at(at == term.at.end() ? term.start : at->second, error.what());
  }
}

/// Appends to equal labels the settings in which their methods differ. Error: a method given twice.
inline void tell_apart(std::vector<Asked>& asked) {
  std::map<std::string, std::vector<Asked*>> by_label;
  for (Asked& one : asked) by_label[one.method.label].push_back(&one);
  for (const auto& [label, alike] : by_label) {
    if (alike.size() == 1) continue;
    std::vector<Settings> told;
    for (const Asked* one : alike) told.push_back(one->told);
    const std::vector<std::string> apart = distinctions(told);
    for (std::size_t i = 0; i < alike.size(); ++i) alike[i]->method.label += apart[i];
  }
  std::set<std::string> seen;
  for (Asked& one : asked) {
    one.method.label = io::printable(one.method.label, 150);
    require(seen.insert(one.method.label).second, "--method: the method '", one.method.label,
            "' was given twice; leave one out, or give each a label, as in  LABEL: ", one.name);
  }
}

/// The default rates of its label, of the label of its spec, which all methods of a sweep share, of its name, or of all
/// methods.
inline void add_default_rates(Asked& one, const MethodDefaults& defaults) {
  for (const std::string& key : {one.method.label, one.label, one.name, std::string()})
    if (const auto own = defaults.rates.find(key); one.method.rates.empty() && own != defaults.rates.end())
      one.method.rates = own->second;
}

}  // namespace detail

/// The methods of the specs, in order; a sweep makes several. Without a label, a method is called by its name, with the
/// settings in which methods of that name differ. Error: see parse_spec; an unknown name, setting or policy, with the
/// nearest known one; alpha for an adapter without local loss; a method or label given twice; rates for an unknown
/// method.
inline std::vector<Method> methods_of(const std::vector<std::string>& specs, const adapter::Registry& registry,
                                      const MethodDefaults& defaults = {}) {
  std::vector<detail::Asked> asked;
  std::set<std::string> labels;
  for (const std::string& text : specs) {
    const Spec spec = parse_spec(text);
    const std::string label = io::printable(spec.label, 80);
    if (!label.empty() && !labels.insert(label).second) spec.fail_at(0, "the label '", label, "' was given twice");
    for (const Term& term : spec.terms) {
      detail::Asked one{.method = detail::make_method(spec, term, registry, defaults),
                        .name = term.name,
                        .label = label.empty() ? term.name : label};
      one.method.label = one.label;
      if (!term.alphas.empty() && !one.method.has_alpha())
        spec.fail_at(spec.text.find("alpha"), "alpha has no effect: ", one.method.label, " has no local loss");
      if (const Shorthand* known = find_shorthand(term.name); known && term.alphas.empty() && one.method.has_alpha())
        one.method.alphas = known->alphas;
      one.told = one.method.all_settings();
      if (!term.alphas.empty()) one.told["alpha"] = detail::joined(term.alphas);
      if (!term.rates.empty()) one.told["lr"] = detail::joined(term.rates);
      asked.push_back(std::move(one));
    }
  }
  detail::tell_apart(asked);
  std::vector<std::string> known = shorthand_names();
  std::vector<Method> methods;
  for (detail::Asked& one : asked) {
    detail::add_default_rates(one, defaults);
    for (const std::string& name : {one.name, one.label, one.method.label})
      if (std::count(known.begin(), known.end(), name) == 0) known.push_back(name);
    methods.push_back(one.method);
  }
  for (const auto& [name, ignored] : defaults.rates)
    require(name.empty() || std::count(known.begin(), known.end(), name) > 0, "--lr: there is no method '",
            io::printable(name), "'", suggestion(name, known), "; known: ", listed(known));
  return methods;
}

}}}  // namespace neutra::NEUTRA_ABI::study
