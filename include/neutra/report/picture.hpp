/// The picture of learning against forgetting.
#pragma once

#include "neutra/report/picture_parts.hpp"
#include "neutra/report/svg.hpp"
#include "neutra/report/table.hpp"
#include "neutra/study/shorthands.hpp"
#include "neutra/study/summary.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace report {

/// One style number (see svg::marker) per line, one for all lines of a sweep. The paper's methods keep theirs across
/// reports; the others take what is free.
inline std::vector<std::size_t> styles(const std::vector<study::Line>& lines) {
  const std::vector<std::string> known = study::shorthand_names();
  constexpr auto none = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> result(lines.size(), none);
  std::set<std::size_t> taken;
  // A sweep has the style of its first line, and the name of what is swept.
  const auto name = [&](std::size_t i) { return lines[i].swept ? lines[i].swept->of : lines[i].method; };
  std::map<std::string, std::size_t> of_sweep;
  const auto same_sweep = [&](std::size_t i) {
    const auto own = of_sweep.find(name(i));
    if (!lines[i].swept || own == of_sweep.end()) return false;
    result[i] = own->second;
    return true;
  };
  const auto take = [&](std::size_t i, std::size_t style) {
    result[i] = style;
    if (lines[i].swept) of_sweep.emplace(name(i), style);
  };
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto own = static_cast<std::size_t>(std::find(known.begin(), known.end(), name(i)) - known.begin());
    if (!same_sweep(i) && own < known.size() && taken.insert(own).second) take(i, own);
  }
  std::size_t next = known.size();
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (result[i] == none && !same_sweep(i)) take(i, next++);
  return result;
}

/// Forgetting on the x axis, learning on the y axis: one point per method, rate and seed, larger at the reported rates,
/// and a faint line through the rates of a method; a line through the means of a sweep, each labelled with its value;
/// the Pareto front of the lines' means. farthest: omit runs that forget more. kind: CSS class of the picture.
/// style_element: a style sheet to embed, with a legend, for a picture that stands alone.
inline std::string learning_picture(const std::vector<study::Line>& lines, double width, double height,
                                    std::string_view kind, double farthest = std::numeric_limits<double>::infinity(),
                                    std::string_view style_element = {}) {
  std::vector<double> across{0}, up;
  for (const study::Line& line : lines)
    for (const study::RunResult& row : line.curve)
      if (row.forgetting() <= farthest) {
        across.push_back(row.forgetting());
        up.push_back(row.learning());
      }
  for (const study::Line& line : lines)
    for (const study::Line::Part& part : line.attenuated)
      if (part.forgetting.value <= farthest) {
        across.push_back(part.forgetting.value);
        up.push_back(part.learning.value);
      }
  const bool alone = !style_element.empty();
  const auto style = styles(lines);
  const Axis x = Axis::around(across, 46, width - 12 - (alone ? detail::key_width(detail::entries(lines, style)) : 0)),
             y = Axis::around(up, height - 44, 26);
  const int x_ticks = std::max(3, static_cast<int>(width / 90)), y_ticks = 7;

  std::string paths = detail::paths_over_sweeps(lines, style, x, y), others, reported;
  std::vector<detail::Box> taken;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto path = detail::path_over_rates(lines[i], x, y);
    if (path.size() > 1) paths += svg::polyline(style[i], path, "path");
    paths += detail::paths_over_parts(lines[i], style[i], x, y);
    for (const study::RunResult& row : lines[i].curve) {
      if (!x.holds(row.forgetting()) || !y.holds(row.learning())) continue;
      const double px = x.pixel(row.forgetting()), py = y.pixel(row.learning());
      const bool main = row.lr == lines[i].lr;
      const auto title = concat(lines[i].label, ", rate ", rate(row.lr), ", seed ", row.seed, ": forgetting ",
                                fixed(row.forgetting(), 3), ", learning ", fixed(row.learning(), 3));
      (main ? reported : others) +=
          svg::marker(style[i], style[i], px, py, main ? 6 : 4, main ? "mark" : "mark other", title);
      const double r = main ? 7 : 5;
      taken.push_back({px - r, py - r, px + r, py + r});
    }
    if (lines[i].on_front) {
      const double px = x.pixel(lines[i].forgetting.value), py = y.pixel(lines[i].learning.value);
      constexpr double r = detail::front_radius;
      taken.push_back({px - r, py - r, px + r, py + r});
    }
  }
  // A nested svg element clips paths that leave the axes.
  const std::string clipped =
      concat("<svg width=\"", svg::at(x.last), "\" height=\"", svg::at(y.first), "\">", paths, "</svg>");
  return svg::picture(width, height, kind,
                      "Learning against forgetting, one point per method, rate and seed; the numbers are in the tables",
                      concat(style_element, detail::grid(x, y, x_ticks, y_ticks)) +
                          svg::line(x.first, y.first, x.last, y.first, "axis") +
                          svg::text(8, 14, "\u2191 learning, bits per byte", "start", "title") +
                          svg::text(x.last, height - 8, "forgetting, bits per byte \u2192", "end", "title") + clipped +
                          detail::front(lines, style, x, y) + others + reported +
                          detail::direct_labels(lines, x, y, taken, alone) +
                          (alone ? detail::key(detail::entries(lines, style), x.last + 20) : ""));
}

/// The right end of a second, closer picture, if a few runs forget far more than the others; empty if none is needed.
inline std::optional<double> closer_view(const std::vector<study::Line>& lines) {
  std::vector<double> values;
  for (const study::Line& line : lines)
    for (const study::RunResult& row : line.curve) values.push_back(row.forgetting());
  if (values.size() < 4) return std::nullopt;
  std::sort(values.begin(), values.end());
  const double crowd = values[(values.size() * 3 - 1) / 4];
  return crowd > 0 && values.back() > 4 * crowd ? std::optional(2 * crowd) : std::nullopt;
}

}}}  // namespace neutra::NEUTRA_ABI::report
