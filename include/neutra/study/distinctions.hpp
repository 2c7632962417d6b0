/// What tells apart methods, or lines of a table, that have one label.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/settings.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

namespace detail {

/// ", key value" for each of the keys that the settings have.
inline std::string told(const Settings& settings, const std::vector<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys)
    if (const auto own = settings.find(key); own != settings.end())
      text += concat(", ", key, ' ', text_of(own->second));
  return text;
}

}  // namespace detail

/// What to append to the equal labels of several methods: ", gate relu" for the settings in which they differ, each
/// told of those that have it. A setting of which there is one value, but which some do not have, is told only where
/// the others leave two equal.
inline std::vector<std::string> distinctions(const std::vector<Settings>& all) {
  std::map<std::string, std::set<std::string>> values;
  std::map<std::string, std::size_t> counts;
  for (const Settings& settings : all)
    for (const auto& [key, setting] : settings) {
      values[key].insert(text_of(setting));
      ++counts[key];
    }
  std::vector<std::string> keys, further;
  for (const auto& [key, different] : values)
    if (different.size() > 1)
      keys.push_back(key);
    else if (counts[key] < all.size())
      further.push_back(key);
  std::vector<std::string> texts;
  std::multiset<std::string> seen;
  for (const Settings& settings : all) seen.insert(texts.emplace_back(detail::told(settings, keys)));
  for (std::size_t i = 0; i < all.size(); ++i)
    if (seen.count(texts[i]) > 1) texts[i] += detail::told(all[i], further);
  return texts;
}

}}}  // namespace neutra::NEUTRA_ABI::study
