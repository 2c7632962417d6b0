/// The settings of an adapter by name: read for recording, set by programs.
///
/// An adapter passes each setting to a visitor, by name and by reference. One function serves reading and setting:
///
///     struct Mine {
///       static constexpr std::string_view name = "mine";
///       double scale = 2;
///       template <class Self, class Visit> static void settings(Self& self, const Visit& visit) {
///         visit("scale", self.scale);
///       }
///     };
///
/// A setting is a number, a text, a bool, a policy (its name, and its options after a dot), or a type with its own
/// setting_of and read_setting (core/settings.hpp).
#pragma once

#include "neutra/adapter/sizes.hpp"
#include "neutra/core/member.hpp"
#include "neutra/core/nearest.hpp"
#include "neutra/core/options.hpp"
#include "neutra/core/settings.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

namespace detail {
NEUTRA_NAMED_MEMBER(SaysSettings, settings);

struct AnySetting {
  void operator()(std::string_view, auto&) const {}
};
template <class A>
concept HasSettings = requires(A& adapter, const A& fixed) {
  A::settings(adapter, AnySetting{});
  A::settings(fixed, AnySetting{});
};

template <class P>
concept IsPolicy = requires(const P& policy) {
  { policy.name } -> std::convertible_to<std::string_view>;
};

/// Removes the settings below `key`, "gate.threshold" for "gate", and returns them by their own names, "threshold".
inline Settings take_below(Settings& settings, const std::string& key) {
  Settings below;
  const std::string prefix = key + ".";
  for (auto at = settings.lower_bound(prefix); at != settings.end() && at->first.starts_with(prefix);) {
    below[at->first.substr(prefix.size())] = at->second;
    at = settings.erase(at);
  }
  return below;
}
/// The same for the options of a policy, which are numbers.
inline PolicyOptions take_options(Settings& settings, const std::string& key) {
  PolicyOptions options;
  for (const auto& [name, setting] : take_below(settings, key))
    neutra::read_setting(key + "." + name, setting, options[name]);
  return options;
}
}  // namespace detail

/// visit(name, member) for each setting of an adapter that may be const; nothing where it has none.
template <class A, class Visit> void visit_settings(A& adapter, const Visit& visit) {
  using Plain = std::remove_const_t<A>;
  static_assert(!detail::SaysSettings<Plain> || detail::HasSettings<Plain>,
                "neutra: this adapter's settings cannot be read and set; write  template <class Self, class Visit> "
                "static void settings(Self& self, const Visit& visit) { visit(\"scale\", self.scale); }");
  if constexpr (detail::HasSettings<Plain>) Plain::settings(adapter, visit);
}

/// The current settings of an adapter.
template <class A> Settings settings_of(const A& adapter) {
  Settings all;
  visit_settings(adapter, [&](std::string_view name, const auto& member) {
    const std::string key(name);
    if constexpr (detail::IsPolicy<std::remove_cvref_t<decltype(member)>>) {
      all[key] = std::string(member.name);
      for (const auto& [option, value] : options_of(member)) all[key + "." + option] = value;
    } else {
      using neutra::setting_of;
      all[key] = setting_of(member);
    }
  });
  return all;
}

/// The adapter with some of its settings set. policies.set(member, key, name, options) puts the policy of that name
/// into a member. Error (SettingError): a setting that it does not have, with the nearest that it has; a value of
/// another type; what `policies` refuses.
template <class A, class Policies> A with_settings(A adapter, Settings given, const Policies& policies) {
  std::vector<std::string> known;
  visit_settings(adapter, [&](std::string_view name, auto& member) {
    const std::string& key = known.emplace_back(name);
    const auto own = given.find(key);
    if constexpr (detail::IsPolicy<std::remove_cvref_t<decltype(member)>>) {
      std::string chosen(member.name);
      if (own != given.end()) neutra::read_setting(key, own->second, chosen);
      const PolicyOptions options = detail::take_options(given, key);
      if (own != given.end() || !options.empty()) policies.set(member, key, chosen, options);
    } else if (own != given.end()) {
      using neutra::read_setting;
      read_setting(key, own->second, member);
    }
    given.erase(key);
  });
  if (given.empty()) return adapter;
  const std::string& unknown = given.begin()->first;
  throw SettingError(unknown, concat(" is no setting of ", A::name, suggestion(unknown, known), "; ",
                                     known.empty() ? "it has none" : "known: " + listed(known)));
}

}}}  // namespace neutra::NEUTRA_ABI::adapter
