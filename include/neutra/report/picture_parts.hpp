/// The parts of the picture of learning against forgetting: grid, paths, labels and front, as SVG.
#pragma once

#include "neutra/report/legend.hpp"
#include "neutra/report/svg.hpp"
#include "neutra/report/table.hpp"
#include "neutra/study/summary.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace report { namespace detail {

struct Box {
  double left, top, right, bottom;
  bool meets(const Box& o) const { return left < o.right && o.left < right && top < o.bottom && o.top < bottom; }
};

/// A position for a label beside a point that overlaps nothing: right, left, above, below, then further out.
inline std::optional<Box> place_label(double x, double y, double width, const Box& frame,
                                      const std::vector<Box>& taken) {
  constexpr double height = 13;
  for (const double gap : {9.0, 18.0, 30.0}) {
    for (const auto& [left, top] :
         std::initializer_list<std::array<double, 2>>{{x + gap, y - height / 2},
                                                      {x - gap - width, y - height / 2},
                                                      {x - width / 2, y - gap - height},
                                                      {x - width / 2, y + gap},
                                                      {x + gap * 0.7, y - gap - height * 0.5},
                                                      {x + gap * 0.7, y + gap - height * 0.5},
                                                      {x - gap * 0.7 - width, y - gap - height * 0.5},
                                                      {x - gap * 0.7 - width, y + gap - height * 0.5}}) {
      const Box box{left, top, left + width, top + height};
      const bool inside =
          box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom;
      if (inside && std::none_of(taken.begin(), taken.end(), [&](const Box& other) { return box.meets(other); }))
        return box;
    }
  }
  return std::nullopt;
}

/// Grid lines, tick labels, and the left and bottom axis.
inline std::string grid(const Axis& x, const Axis& y, int x_ticks, int y_ticks) {
  std::string out;
  for (const double v : y.ticks(y_ticks))
    out += svg::line(x.first, y.pixel(v), x.last, y.pixel(v), "grid") +
           svg::text(x.first - 7, y.pixel(v) + 4, y.tick_text(v, y_ticks), "end");
  for (const double v : x.ticks(x_ticks))
    out += svg::line(x.pixel(v), y.first, x.pixel(v), y.last, v == 0 ? "zero" : "grid") +
           svg::text(x.pixel(v), y.first + 17, x.tick_text(v, x_ticks), "middle");
  return out;
}

/// The means over seeds at each rate, in the order of the rates, in pixels.
inline std::vector<std::array<double, 2>> path_over_rates(const study::Line& line, const Axis& x, const Axis& y) {
  std::map<double, std::vector<study::RunResult>> by_rate;
  for (const study::RunResult& row : line.curve) by_rate[row.lr].push_back(row);
  std::vector<std::array<double, 2>> points;
  for (const auto& [lr, rows] : by_rate)
    points.push_back({x.pixel(study::mean_of(rows, [](const study::RunResult& r) { return r.forgetting(); }).value),
                      y.pixel(study::mean_of(rows, [](const study::RunResult& r) { return r.learning(); }).value)});
  return points;
}

/// A line through the means of each sweep, in the order of its values.
inline std::string paths_over_sweeps(const std::vector<study::Line>& lines, const std::vector<std::size_t>& style,
                                     const Axis& x, const Axis& y) {
  std::map<std::size_t, std::map<double, std::array<double, 2>>> sweeps;  // by style, then value
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].swept) continue;
    sweeps[style[i]][lines[i].swept->value] = {x.pixel(lines[i].forgetting.value), y.pixel(lines[i].learning.value)};
  }
  std::string out;
  for (const auto& [own, sweep] : sweeps) {
    std::vector<std::array<double, 2>> points;
    for (const auto& [value, point] : sweep) points.push_back(point);
    out += svg::polyline(own, points, "curve");
  }
  return out;
}

/// Thin lines of what parts of a line's adapter learn and forget, through its mean: one over scales from the least to
/// the largest, one over thresholds.
inline std::string paths_over_parts(const study::Line& line, std::size_t style, const Axis& x, const Axis& y) {
  const auto at = [&](const study::Mean& forgetting, const study::Mean& learning) {
    return std::array<double, 2>{x.pixel(forgetting.value), y.pixel(learning.value)};
  };
  const auto whole = at(line.forgetting, line.learning);
  std::map<double, std::array<double, 2>> scales{{1.0, whole}}, thresholds{{0.0, whole}};
  for (const study::Line::Part& part : line.attenuated)
    (part.threshold > 0 ? thresholds[part.threshold] : scales[part.scale]) = at(part.forgetting, part.learning);
  std::string out;
  for (const auto* own : {&scales, &thresholds}) {
    std::vector<std::array<double, 2>> points;
    for (const auto& [value, point] : *own) points.push_back(point);
    if (points.size() > 1) out += svg::polyline(style, points, "part");
  }
  return out;
}

/// Labels beside the reported means, where they fit: of a sweep its value, of others the name; the legend names the
/// rest. At most some dozens, since nobody could read more. only_swept: of a sweep alone.
inline std::string direct_labels(const std::vector<study::Line>& lines, const Axis& x, const Axis& y,
                                 std::vector<Box> taken, bool only_swept) {
  constexpr std::size_t most = 64;
  if (lines.size() > most) return {};
  const Box frame{x.first, y.last, x.last, y.first};
  std::string out;
  for (const study::Line& line : lines) {
    if (!x.holds(line.forgetting.value) || !y.holds(line.learning.value)) continue;
    if (only_swept && !line.swept) continue;
    const std::string words = line.swept ? text_of(line.swept->value) : line.label;
    const double width = 6.6 * static_cast<double>(text_width(words));
    const auto box = place_label(x.pixel(line.forgetting.value), y.pixel(line.learning.value), width, frame, taken);
    if (!box) continue;
    taken.push_back(*box);
    out += svg::text((box->left + box->right) / 2, box->bottom - 3, words, "middle", "label");
  }
  return out;
}

/// The front as steps: at each forgetting, the most that a line on it learns. The mean of each of its lines is an open
/// marker in a ring.
inline std::string front(const std::vector<study::Line>& lines, const std::vector<std::size_t>& style, const Axis& x,
                         const Axis& y) {
  std::map<double, double> learning;  // by forgetting
  std::string marks;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const double forgets = lines[i].forgetting.value, learns = lines[i].learning.value;
    if (!lines[i].on_front || !x.holds(forgets) || !y.holds(learns)) continue;
    learning[forgets] = learns;
    marks += front_mark(x.pixel(forgets), y.pixel(learns), front_radius) +
             svg::marker(style[i], style[i], x.pixel(forgets), y.pixel(learns), 5, "open");
  }
  std::vector<std::array<double, 2>> steps;
  for (const auto& [forgets, learns] : learning) {
    if (!steps.empty()) steps.push_back({x.pixel(forgets), steps.back()[1]});
    steps.push_back({x.pixel(forgets), y.pixel(learns)});
  }
  return (steps.size() > 1 ? svg::polyline(7, steps, "steps") : "") + marks;
}

}}}}  // namespace neutra::NEUTRA_ABI::report::detail
