/// Suggestions for misspelt names.
#pragma once

#include "neutra/core/error.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// Levenshtein distance: the fewest insertions, deletions and substitutions that turn a into b.      Levenshtein 1966
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j)
      diagonal = std::exchange(row[j + 1], std::min({row[j + 1] + 1, row[j] + 1, diagonal + (a[i] != b[j])}));
  }
  return row.back();
}

/// " (did you mean 'relu'?)" if `name` is a prefix of a known name or close to one; otherwise empty.
/// Leading dashes are ignored.
inline std::string suggestion(std::string_view name, const std::vector<std::string>& names) {
  std::string longer;
  if (name.find_first_not_of('-') != name.npos)
    for (const auto& known : names)
      if (known.starts_with(name)) longer += concat(longer.empty() ? "" : " or ", "'", known, "'");
  if (!longer.empty()) return concat(" (did you mean ", longer, "?)");
  const auto nearest = std::min_element(names.begin(), names.end(), [&](const auto& a, const auto& b) {
    return edit_distance(name, a) < edit_distance(name, b);
  });
  if (nearest == names.end() || edit_distance(name, *nearest) > std::max<std::size_t>(2, name.size() / 3)) return {};
  return concat(" (did you mean '", *nearest, "'?)");
}

/// "relu, elu", or with another separator.
inline std::string listed(const std::vector<std::string>& names, const std::string& separator = ", ") {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : separator) + name;
  return text;
}

}}  // namespace neutra::NEUTRA_ABI
