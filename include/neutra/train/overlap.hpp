/// Overlap of evaluation and training text, measured in lines.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/numbers.hpp"
#include "neutra/io/json.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// The number of evaluation lines compared, and how many of them are in the training text too. Only lines of at least
/// 50 characters are compared, because shorter ones ("Thank you.") recur by chance. A text without such lines, for
/// example verse, is compared by all its lines.
struct Overlap {
  std::size_t lines = 0, in_training = 0;
  bool shorter = false;  // no line has 50 characters, so all lines were compared

  double share() const { return lines == 0 ? 0 : static_cast<double>(in_training) / static_cast<double>(lines); }
};

/// By domain, "original" or "target".
using Overlaps = std::map<std::string, Overlap>;

namespace detail {

/// Calls f with a hash of each line of at least `least` characters.
/// Surrounding white space is ignored, so that CR LF equals LF.
template <class F> void for_each_line(std::string_view text, std::size_t least, F f) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    line.remove_suffix(line.size() - (line.find_last_not_of(" \t") + 1));
    if (line.size() < least) continue;
    const auto characters =
        std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
    if (static_cast<std::size_t>(characters) >= least) f(std::hash<std::string_view>()(line));
  }
}

}  // namespace detail

/// Compares each evaluation text with all training texts, because a line of one domain may be in the text of the other.
/// Stores hashes of evaluation lines only.
inline Overlaps measure_overlap(const std::map<std::string, std::string_view>& evaluation,
                                std::initializer_list<std::string_view> training) {
  constexpr std::size_t any = 1, long_line = 50;
  std::unordered_set<std::size_t> wanted, found;
  std::map<std::string, std::size_t> least;  // per domain
  std::size_t least_of_all = long_line;
  for (const auto& [domain, text] : evaluation) {
    std::size_t& shortest = least[domain] = any;
    detail::for_each_line(text, long_line, [&](std::size_t line) {
      wanted.insert(line);
      shortest = long_line;
    });
    if (shortest == any) detail::for_each_line(text, any, [&](std::size_t line) { wanted.insert(line); });
    least_of_all = std::min(least_of_all, shortest);
  }
  for (const std::string_view text : training)
    detail::for_each_line(text, least_of_all, [&](std::size_t line) {
      if (wanted.contains(line)) found.insert(line);
    });
  Overlaps overlaps;
  for (const auto& [domain, text] : evaluation) {
    Overlap& overlap = overlaps[domain];
    detail::for_each_line(text, least[domain], [&](std::size_t line) {
      ++overlap.lines;
      overlap.in_training += found.contains(line);
    });
    overlap.shorter = least[domain] == any && overlap.lines > 0;
  }
  return overlaps;
}

/// {"original": {"lines": 340, "in_training": 12, "shorter": false}, ...}:
/// evaluation_overlap in the config of a results file.
inline io::Json to_json(const Overlaps& overlaps) {
  io::Json json = io::Json::object();
  for (const auto& [domain, overlap] : overlaps)
    json[domain] = {{"lines", overlap.lines}, {"in_training", overlap.in_training}, {"shorter", overlap.shorter}};
  return json;
}

/// Reads it from a config; empty if the config has none, as in older results.
inline Overlaps overlaps_of(const io::Json& config) {
  Overlaps overlaps;
  const io::Json all = config.value("evaluation_overlap", io::Json());
  for (const char* domain : {"original", "target"}) {
    const io::Json counts = all.is_object() ? all.value(domain, io::Json()) : io::Json();
    const auto of = [&](const char* key) { return counts.is_object() ? counts.value(key, io::Json()) : io::Json(); };
    const io::Json lines = of("lines"), in_training = of("in_training");
    if (lines.is_number_integer() && in_training.is_number_integer() && in_training >= 0 && lines >= in_training)
      overlaps[domain] = {lines.get<std::size_t>(), in_training.get<std::size_t>(), of("shorter") == true};
  }
  return overlaps;
}

inline bool any_in_training(const Overlaps& overlaps) {
  return std::any_of(overlaps.begin(), overlaps.end(), [](const auto& item) { return item.second.in_training > 0; });
}

/// "original 12 of 340 (4 %), target 3 of 8 (38 %, all of them shorter)";
/// for a domain without lines, "target has none to compare".
inline std::string to_string(const Overlaps& overlaps) {
  std::string text;
  for (const auto& [domain, overlap] : overlaps) {
    text += concat(text.empty() ? "" : ", ", domain, ' ');
    text += overlap.lines == 0 ? "has none to compare"
                               : concat(overlap.in_training, " of ", overlap.lines, " (", percent(overlap.share()),
                                        " %", overlap.shorter ? ", all of them shorter)" : ")");
  }
  return text;
}

/// A remark for stderr if evaluation lines are in the training text, a warning if half of a domain's lines are;
/// otherwise empty. Not an error, since lists and forms repeat lines legitimately.
inline std::string overlap_remark(const Overlaps& overlaps) {
  if (!any_in_training(overlaps)) return {};
  const bool grave =
      std::any_of(overlaps.begin(), overlaps.end(), [](const auto& item) { return item.second.share() >= 0.5; });
  return concat(
      grave ? "warning" : "note",
      ": evaluation lines of at least 50 characters that are also in the training text: ", to_string(overlaps),
      grave ? "; the evaluation measures memorisation; give evaluation text that is not in the training text" : "");
}

/// A warning if at least half of the target's training lines are also in the original's training text, for example
/// because one text was given for both; otherwise empty.
inline std::string alike_remark(std::string_view original, std::string_view target) {
  const Overlaps overlaps = measure_overlap({{"target", target}}, {original});
  if (overlaps.at("target").share() < 0.5) return {};
  return concat("warning: training lines of at least 50 characters that are also in the training text of --original: ",
                to_string(overlaps),
                "; extending a model to text it was trained on shows nothing; give a target text of another domain");
}

}}}  // namespace neutra::NEUTRA_ABI::train
