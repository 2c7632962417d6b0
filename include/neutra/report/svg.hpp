/// SVG primitives: escaped text, axes with round ticks, and markers that differ in shape as well as colour. Colours are
/// CSS classes c0 .. c7 of the page, so that pictures follow its light or dark scheme.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/numbers.hpp"
#include "neutra/io/utf8.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace report {

/// Escapes text for HTML and SVG, including attribute values. Control characters and invalid UTF-8 are shown as \x1f.
inline std::string escape(std::string_view text) {
  std::string out;
  for (const char c : io::printable(text, 10000)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// The distance between ticks: 1, 2 or 5 times a power of ten, with at most `most` steps over the span.
inline double tick_step(double span, int most) {
  const double power = std::pow(10.0, std::floor(std::log10(span / most)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (span / (factor * power) <= most) return factor * power;
  return 10 * power;
}

/// A linear axis from `low` to `high`, drawn from pixel `first` to pixel `last`.
struct Axis {
  double low = 0, high = 1, first = 0, last = 1;

  /// An axis around the values, with a margin on both sides. A single value, or none, gets a range too.
  static Axis around(const std::vector<double>& values, double first, double last, double margin = 0.07) {
    if (values.empty()) return {0, 1, first, last};
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double span = *high - *low,
                 room = span > 1e-9 * std::abs(*high) + 1e-12 ? margin * span : std::max(0.5 * std::abs(*high), 0.05);
    return {*low - room, *high + room, first, last};
  }

  double pixel(double value) const { return first + (value - low) / (high - low) * (last - first); }
  bool holds(double value) const { return value >= low && value <= high; }

  /// Round values on the axis, for ticks.
  std::vector<double> ticks(int most) const {
    const double step = tick_step(high - low, most);
    std::vector<double> values;
    for (double n = std::ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; ++n)
      values.push_back(n == 0 ? 0 : n * step);
    return values;
  }
  /// The label of a tick, with as many digits as distinguish it from its neighbours.
  std::string tick_text(double value, int most) const {
    const double step = tick_step(high - low, most);
    return std::abs(value) >= 1e5 ? rate(value)
                                  : fixed(value, std::max(0, -static_cast<int>(std::floor(std::log10(step) + 1e-9))));
  }
};

namespace svg {

inline constexpr std::size_t colours = 8, shapes = 7;

/// A coordinate, to a tenth of a pixel.
inline std::string at(double pixel) { return fixed(pixel, 1); }

inline std::string line(double x1, double y1, double x2, double y2, std::string_view kind) {
  return concat("<line class=\"", kind, "\" x1=\"", at(x1), "\" y1=\"", at(y1), "\" x2=\"", at(x2), "\" y2=\"", at(y2),
                "\"/>");
}

/// anchor: "start", "middle" or "end". Escapes the text.
inline std::string text(double x, double y, std::string_view words, std::string_view anchor,
                        std::string_view kind = "tick") {
  return concat("<text class=\"", kind, "\" x=\"", at(x), "\" y=\"", at(y), "\" text-anchor=\"", anchor, "\">",
                escape(words), "</text>");
}

/// A marker of radius r. Shapes and colours repeat with different periods, so that equal numbers for both distinguish
/// 56 methods. title: the tooltip.
inline std::string marker(std::size_t shape, std::size_t colour, double x, double y, double r, std::string_view kind,
                          std::string_view title = {}) {
  const auto path = [&](std::initializer_list<std::array<double, 2>> corners) {
    std::string d;
    for (const auto& [dx, dy] : corners) d += concat(d.empty() ? "M" : "L", at(x + r * dx), ' ', at(y + r * dy));
    return "<path d=\"" + d + "Z\"";
  };
  const auto start = [&]() -> std::string {
    constexpr double s = 0.9, t = 0.36;
    switch (shape % shapes) {
      case 0:
        return concat("<circle cx=\"", at(x), "\" cy=\"", at(y), "\" r=\"", at(r), "\"");
      case 1:
        return path({{-s, -s}, {s, -s}, {s, s}, {-s, s}});
      case 2:
        return path({{0, -1.2}, {1.15, 0.8}, {-1.15, 0.8}});
      case 3:
        return path({{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}});
      case 4:
        return path({{0, 1.2}, {1.15, -0.8}, {-1.15, -0.8}});
      case 5:
        return path({{-t, -1.2},
                     {t, -1.2},
                     {t, -t},
                     {1.2, -t},
                     {1.2, t},
                     {t, t},
                     {t, 1.2},
                     {-t, 1.2},
                     {-t, t},
                     {-1.2, t},
                     {-1.2, -t},
                     {-t, -t}});
      default:
        return path({{-1.2, -1.1}, {0, -0.45}, {1.2, -1.1}, {0.5, 0}, {1.2, 1.1}, {0, 0.45}, {-1.2, 1.1}, {-0.5, 0}});
    }
  };
  const std::string head = start() + concat(" class=\"", kind, " c", colour % colours, '"');
  if (title.empty()) return head + "/>";
  const std::string_view tag = shape % shapes == 0 ? "circle" : "path";
  return concat(head, "><title>", escape(title), "</title></", tag, '>');
}

/// A line through points.
inline std::string polyline(std::size_t colour, const std::vector<std::array<double, 2>>& points,
                            std::string_view kind) {
  std::string list;
  for (const auto& [x, y] : points) list += concat(list.empty() ? "" : " ", at(x), ',', at(y));
  return concat("<polyline class=\"", kind, " c", colour % colours, "\" points=\"", list, "\"/>");
}

/// A whole picture. label: a description for screen readers.
inline std::string picture(double width, double height, std::string_view kind, std::string_view label,
                           std::string_view content) {
  return concat("<svg class=\"", kind, "\" viewBox=\"0 0 ", at(width), ' ', at(height), "\" width=\"", at(width),
                "\" height=\"", at(height), "\" role=\"img\" aria-label=\"", escape(label), "\">", content, "</svg>\n");
}

}  // namespace svg

}}}  // namespace neutra::NEUTRA_ABI::report
