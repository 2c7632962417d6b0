/// Lines that are one method tried over values of one number, such as the share of original text.
#pragma once

#include "neutra/core/settings.hpp"
#include "neutra/study/line.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

namespace detail {

/// The lines of one sweep by the name they share and the setting. A line may be of several.
using Sweeps = std::map<std::pair<std::string, std::string>, std::vector<std::size_t>>;

/// Lines whose labels differ in the number of one setting alone: "a, alpha 1, share 0.1" is of ("a, share 0.1",
/// "alpha") and of ("a, alpha 1", "share").
inline Sweeps sweeps_of(const std::vector<Line>& lines, const std::vector<Settings>& settings) {
  Sweeps sweeps;
  for (std::size_t i = 0; i < lines.size(); ++i)
    for (const auto& [key, setting] : settings[i]) {
      if (!number_of(setting)) continue;
      std::string name = lines[i].label;
      const std::string told = concat(", ", key, ' ', text_of(setting));
      const std::size_t at = name.find(told);
      const std::size_t end = at + told.size();
      if (at == name.npos || (end < name.size() && name[end] != ',')) continue;
      sweeps[{name.erase(at, told.size()), key}].push_back(i);
    }
  return sweeps;
}

}  // namespace detail

/// Marks the lines of each sweep; one that belongs to several belongs to that of most lines. settings: of each line.
inline void mark_sweeps(std::vector<Line>& lines, const std::vector<Settings>& settings) {
  std::vector<std::size_t> size(lines.size(), 1);
  for (const auto& [name, members] : detail::sweeps_of(lines, settings))
    for (const std::size_t i : members)
      if (members.size() > size[i]) {
        size[i] = members.size();
        lines[i].swept = {.of = name.first, .setting = name.second, .value = *number_of(settings[i].at(name.second))};
      }
}

}}}  // namespace neutra::NEUTRA_ABI::study
