// Costs of gates as ratios to the open gate: a table, JSON and a picture.
#pragma once

#include "neutra/report/style.hpp"
#include "neutra/report/svg.hpp"
#include "neutra/report/table.hpp"
#include "neutra/study/results.hpp"

#include "roof.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace gates {

using namespace neutra;

/// What a residue is measured at: all tokens computed, or closed tokens skipped with this share of open ones.
inline constexpr std::array<const char*, 5> modes{"dense", "open:0", "open:10", "open:50", "open:100"};
inline constexpr std::array<const char*, 2> directions{"forward", "backward"};

/// A gate's seconds per token, one measurement a round; empty for what was not measured.
struct Line {
  std::string gate;
  std::array<std::array<std::vector<double>, modes.size()>, directions.size()> seconds{};
};

/// The median and quartiles over rounds.
struct Spread {
  double median = 0, low = 0, high = 0;
};
inline Spread spread(const std::vector<double>& values) {
  return {roof::quantile(values, 0.5), roof::quantile(values, 0.25), roof::quantile(values, 0.75)};
}

/// The time of a gate over that of the open gate, dense, in the same round: what slows a round slows both.
inline std::optional<Spread> ratio(const Line& line, const Line& open, std::size_t direction, std::size_t mode) {
  const auto &own = line.seconds[direction][mode], &base = open.seconds[direction][0];
  std::vector<double> ratios;
  for (std::size_t round = 0; round < std::min(own.size(), base.size()); ++round)
    ratios.push_back(own[round] / base[round]);
  return ratios.empty() ? std::nullopt : std::optional(spread(ratios));
}

/// What was measured, the open gate first.
struct Costs {
  std::vector<Line> lines;
  Index dim = 0, tokens = 0, rounds = 0, threads = 0;

  const Line& open() const { return lines.front(); }
  double open_nanoseconds(std::size_t direction) const {
    const auto& seconds = open().seconds[direction][0];
    return seconds.empty() ? 0 : 1e9 * spread(seconds).median;
  }
};

/// A line per gate, at most 120 columns wide.
inline std::string table(const Costs& costs) {
  std::string text =
      concat("Time of a residue relative to one with the open gate, which takes ", fixed(costs.open_nanoseconds(0), 0),
             " ns a token forward and ", fixed(costs.open_nanoseconds(1), 0), " backward.\n", costs.dim, " channels, ",
             costs.tokens, " tokens; threads: ", costs.threads, "; rounds: ", costs.rounds,
             ". Median over rounds and half the distance between the quartiles.\n"
             "Dense: every token is computed. Otherwise closed tokens are skipped, and the column is the share of open "
             "ones.\n\n",
             std::string(20, ' '));
  for (const char* direction : directions) text += report::detail::pad_right(concat("  ", direction), 50);
  text = text.substr(0, text.find_last_not_of(' ') + 1) + concat("\n", report::detail::pad_right("gate", 20));
  for (std::size_t n = 0; n < directions.size(); ++n)
    for (const char* share : {"dense", "0 %", "10 %", "50 %", "100 %"}) text += report::detail::pad_left(share, 10);
  for (const Line& line : costs.lines) {
    text += concat("\n", report::detail::pad_right(io::printable(line.gate), 20));
    for (std::size_t direction = 0; direction < directions.size(); ++direction)
      for (std::size_t mode = 0; mode < modes.size(); ++mode) {
        const auto cell = ratio(line, costs.open(), direction, mode);
        text += report::detail::pad_left(
            cell ? concat(fixed(cell->median, 2), "\u00b1", fixed((cell->high - cell->low) / 2, 2)) : "-", 10);
      }
  }
  return text + "\n";
}

/// Every ratio with its quartiles, and the median nanoseconds per token.
inline io::Json to_json(const Costs& costs) {
  study::Machine here = study::machine();
  study::detail::FieldWriter machine("gates: machine");
  study::detail::visit_machine(machine, here);
  io::Json lines = io::Json::array();
  for (const Line& line : costs.lines) {
    io::Json json = {{"gate", line.gate}};
    for (std::size_t direction = 0; direction < directions.size(); ++direction)
      for (std::size_t mode = 0; mode < modes.size(); ++mode)
        if (const auto cell = ratio(line, costs.open(), direction, mode))
          json[directions[direction]][modes[mode]] = {
              {"ratio", cell->median},
              {"low", cell->low},
              {"high", cell->high},
              {"nanoseconds_per_token", 1e9 * spread(line.seconds[direction][mode]).median}};
    lines.push_back(std::move(json));
  }
  return {{"schema", "neutra.gates/1"}, {"commit", study::commit()}, {"machine", machine.take()}, {"dim", costs.dim},
          {"tokens", costs.tokens},     {"rounds", costs.rounds},    {"gates", std::move(lines)}};
}

namespace detail {

/// One direction: a row per gate, a marker per mode, and a line from quartile to quartile.
inline std::string panel(const Costs& costs, std::size_t direction, const report::Axis& x, double top, double row) {
  namespace svg = report::svg;
  const double bottom = top + row * static_cast<double>(costs.lines.size());
  std::string out = svg::text(x.first, top - 10, directions[direction], "start", "title"), marks;
  for (const double tick : x.ticks(6))
    out += svg::line(x.pixel(tick), top, x.pixel(tick), bottom, tick == 1 ? "axis" : "grid") +
           svg::text(x.pixel(tick), bottom + 17, x.tick_text(tick, 6), "middle");
  for (std::size_t n = 0; n < costs.lines.size(); ++n)
    for (std::size_t mode = 0; mode < modes.size(); ++mode) {
      const auto cell = ratio(costs.lines[n], costs.open(), direction, mode);
      if (!cell) continue;
      const double y = top + row * (static_cast<double>(n) + (static_cast<double>(mode) + 1) / (modes.size() + 1));
      out += svg::line(x.pixel(cell->low), y, x.pixel(cell->high), y, "axis");
      marks +=
          svg::marker(mode, mode, x.pixel(cell->median), y, 4, "mark",
                      concat(costs.lines[n].gate, ", ", directions[direction], ", ", modes[mode], ": ",
                             fixed(cell->median, 3), " (", fixed(cell->low, 3), " to ", fixed(cell->high, 3), ")"));
    }
  return out + marks;
}

}  // namespace detail

/// Forward on the left, backward on the right.
inline std::string picture(const Costs& costs) {
  namespace svg = report::svg;
  constexpr double width = 900, top = 62, row = 40, left = 150, gap = 30, panel = (width - left - gap - 20) / 2;
  std::vector<double> ends{0};
  for (const Line& line : costs.lines)
    for (std::size_t direction = 0; direction < directions.size(); ++direction)
      for (std::size_t mode = 0; mode < modes.size(); ++mode)
        if (const auto cell = ratio(line, costs.open(), direction, mode)) ends.push_back(cell->high);
  const double most = 1.05 * *std::max_element(ends.begin(), ends.end()),
               bottom = top + row * static_cast<double>(costs.lines.size());
  std::string out = concat("<style>", report::detail::report_style, "svg { background: var(--page); }</style>");
  out += svg::text(8, 20, "time of a residue relative to one with the open gate; median and quartiles over rounds",
                   "start", "title");
  for (std::size_t n = 0; n < costs.lines.size(); ++n)
    out += svg::text(8, top + row * (static_cast<double>(n) + 0.5) + 4, costs.lines[n].gate, "start", "label") +
           svg::line(8, top + row * static_cast<double>(n), width - 20, top + row * static_cast<double>(n), "grid");
  for (std::size_t direction = 0; direction < directions.size(); ++direction) {
    const double first = left + static_cast<double>(direction) * (panel + gap);
    out += detail::panel(costs, direction, {0, most > 0 ? most : 1, first, first + panel}, top, row);
  }
  for (std::size_t mode = 0; mode < modes.size(); ++mode) {
    const double x = left + 120 * static_cast<double>(mode), y = bottom + 42;
    const std::string name = mode == 0 ? "dense" : concat(std::string(modes[mode]).substr(5), " % open");
    out += svg::marker(mode, mode, x, y, 6, "mark") + svg::text(x + 14, y + 4, name, "start", "label");
  }
  std::string whole = svg::picture(width, bottom + 60, "alone", "Costs of gates; the numbers are in the table", out);
  return whole.insert(4, " xmlns=\"http://www.w3.org/2000/svg\"");
}

}  // namespace gates
