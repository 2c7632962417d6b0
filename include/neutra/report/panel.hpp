/// A small picture of two lists of numbers, to be set side by side with others of the same axes.
#pragma once

#include "neutra/core/numbers.hpp"
#include "neutra/report/svg.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace report {

/// Values over 0, 1, 2 and so on: those of `first` dashed with open circles, of `second` solid with filled circles;
/// longer lists without circles.
/// axis: what is counted from left to right; top: the end of the upright axis, which starts at zero; told: a value as
/// text, for tooltips.
struct Panel {
  std::vector<double> first{}, second{};
  std::string first_name{}, second_name{}, axis{};
  double top = 1;
  std::function<std::string(double)> told = [](double value) { return fixed(value, 3); };
};

/// style: see svg::marker; label: a description for screen readers.
inline std::string panel_picture(const Panel& panel, std::size_t style, std::string_view label) {
  const std::size_t count = std::max(panel.first.size(), panel.second.size());
  const auto last = std::max<double>(1, static_cast<double>(count) - 1);
  const Axis x{-0.04 * last, 1.04 * last, 40, 296}, y{0, panel.top, 132, 10};
  std::string out;
  for (const double v : y.ticks(4))
    out += svg::line(x.first, y.pixel(v), x.last, y.pixel(v), v == 0 ? "axis" : "grid") +
           svg::text(x.first - 6, y.pixel(v) + 4, y.tick_text(v, 4), "end");
  const double step = std::max(1.0, tick_step(last, 8));
  for (double k = 0; k < static_cast<double>(count); k += step)
    out += svg::text(x.pixel(k), y.first + 16, fixed(k, 0), "middle");
  out += svg::text(x.first - 6, y.first + 16, panel.axis, "end");
  const bool marked = count <= 48;  // more would cover the lines
  for (const bool first : {true, false}) {
    std::vector<std::array<double, 2>> points;
    std::string marks;
    for (const double value : first ? panel.first : panel.second) {
      points.push_back({x.pixel(static_cast<double>(points.size())), y.pixel(value)});
      const auto title = concat(panel.axis, ' ', points.size() - 1, ", ", first ? panel.first_name : panel.second_name,
                                ' ', panel.told(value));
      if (marked)
        marks += svg::marker(0, style, points.back()[0], points.back()[1], count > 24 ? 2.5 : 3.5,
                             first ? "open" : "mark", title);
    }
    out += svg::polyline(style, points, first ? "curve dashed" : "curve") + marks;
  }
  return svg::picture(306, 156, "panel", label, out);
}

/// A panel as a figure with its caption.
inline std::string panel_figure(const Panel& panel, std::size_t style, std::string_view caption) {
  return concat("<figure><figcaption>", escape(caption), "</figcaption>",
                panel_picture(panel, style, concat(caption, " by ", panel.axis)), "</figure>\n");
}

/// Figures side by side, under the legend of their curves.
inline std::string panels(std::string_view first_name, std::string_view second_name, std::string_view figures) {
  const auto key = [](std::string_view curve, std::string_view mark) {
    return concat("<svg class=\"key\" viewBox=\"0 0 34 16\" width=\"34\" height=\"16\" aria-hidden=\"true\">",
                  svg::polyline(7, {{1, 8}, {33, 8}}, curve), svg::marker(0, 7, 17, 8, 4, mark), "</svg>");
  };
  return concat("<ul class=\"legend\"><li>", key("curve dashed", "open"), ' ', escape(first_name), "</li><li>",
                key("curve", "mark"), ' ', escape(second_name), "</li></ul>\n<div class=\"panels\">\n", figures,
                "</div>\n");
}

}}}  // namespace neutra::NEUTRA_ABI::report
