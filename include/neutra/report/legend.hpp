/// The legend of the picture of learning against forgetting.
#pragma once

#include "neutra/report/svg.hpp"
#include "neutra/report/table.hpp"
#include "neutra/study/line.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace report { namespace detail {

/// The mark of a line on the Pareto front, around its mean, and what the legend says of it.
inline constexpr double front_radius = 10.5;
inline constexpr std::string_view on_the_front = "on the Pareto front (+)";
inline std::string front_mark(double x, double y, double radius) {
  return concat("<circle class=\"front\" cx=\"", svg::at(x), "\" cy=\"", svg::at(y), "\" r=\"", svg::at(radius),
                "\"/>");
}
inline bool any_on_front(const std::vector<study::Line>& lines) {
  return std::any_of(lines.begin(), lines.end(), [](const study::Line& line) { return line.on_front; });
}

/// What a legend names: a line, or a sweep as "neutral, share 0 to 0.5", or the mark of the front, which has no style.
struct Entry {
  std::optional<std::size_t> style;
  std::string text;
};
inline std::vector<Entry> entries(const std::vector<study::Line>& lines, const std::vector<std::size_t>& style) {
  std::vector<Entry> all;
  std::map<std::string, std::vector<const study::Line*>> sweeps;
  for (const study::Line& line : lines)
    if (line.swept) sweeps[line.swept->of].push_back(&line);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const study::Line& line = lines[i];
    if (!line.swept) {
      all.push_back({style[i], line.label});
    } else if (const auto& sweep = sweeps[line.swept->of]; sweep.front() == &line) {
      const auto [least, most] = std::minmax_element(
          sweep.begin(), sweep.end(), [](const auto* a, const auto* b) { return a->swept->value < b->swept->value; });
      all.push_back({style[i], concat(line.swept->of, ", ", line.swept->setting, ' ', text_of((*least)->swept->value),
                                      " to ", text_of((*most)->swept->value))});
    }
  }
  if (any_on_front(lines)) all.push_back({std::nullopt, std::string(on_the_front)});
  return all;
}

/// The legend inside a picture that stands alone: markers and names, one per line.
inline std::string key(const std::vector<Entry>& entries, double left) {
  std::string out;
  double y = 34;
  for (const Entry& entry : entries) {
    out += (entry.style ? svg::marker(*entry.style, *entry.style, left, y, 6, "mark") : front_mark(left, y, 7)) +
           svg::text(left + 14, y + 4, entry.text, "start", "label");
    y += 22;
  }
  return out;
}
inline double key_width(const std::vector<Entry>& entries) {
  std::size_t longest = 0;
  for (const Entry& entry : entries) longest = std::max(longest, text_width(entry.text));
  return 34 + 6.6 * static_cast<double>(longest);
}

}}}}  // namespace neutra::NEUTRA_ABI::report::detail
