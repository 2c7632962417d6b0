/// Results as Markdown, for pages such as docs/results.
#pragma once

#include "neutra/core/numbers.hpp"
#include "neutra/report/svg.hpp"
#include "neutra/report/table.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace report {

namespace detail {

/// Escapes untrusted text for Markdown: whatever HTML or Markdown would read as markup or as the end of a cell.
/// Underscores inside words are not markup.
inline std::string markdown_text(std::string_view text) {
  std::string out;
  for (const char c : escape(text)) {
    if (std::string_view("\\`*[]|~").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

inline std::string markdown_row(const std::vector<std::string>& cells) {
  std::string row = "|";
  for (const std::string& cell : cells) row += concat(' ', cell, " |");
  return row + "\n";
}
inline std::string markdown_heading(const std::vector<std::string>& cells) {
  return markdown_row(cells) + markdown_row(std::vector<std::string>(cells.size(), "---"));
}

inline std::string plus_minus(const study::Mean& m) {
  return fixed(m.value, 3) + (m.error ? concat(" \u00b1 ", fixed(*m.error, 3)) : "");
}

inline std::string markdown_line(const study::Line& line) {
  const auto& baseline = line.baseline_forgetting_here;
  const std::string none = line.is_baseline ? "" : "\u2013";
  const char* mark = line.chosen_here ? "*" : line.at_edge ? "^" : "";
  return markdown_row(
      {markdown_text(line.label) + (line.on_front ? " +" : ""), rate(line.lr) + mark, concat(line.runs.size()),
       plus_minus(line.forgetting), plus_minus(line.learning), baseline ? plus_minus(*baseline) : none,
       baseline && baseline->value > 0 ? fixed(line.forgetting.value / baseline->value, 2) : none,
       line.gate_open ? concat(percent(line.gate_open->original.value), " / ", percent(line.gate_open->target.value))
                      : ""});
}

/// The means of a line at every rate that was run.
inline std::string markdown_curve(const study::Line& line) {
  std::map<double, std::vector<study::RunResult>> by_rate;
  for (const study::RunResult& row : line.curve) by_rate[row.lr].push_back(row);
  std::string rows;
  for (const auto& [lr, runs] : by_rate)
    rows += markdown_row({markdown_text(line.label), rate(lr), concat(runs.size()),
                          plus_minus(study::mean_of(runs, [](const study::RunResult& r) { return r.forgetting(); })),
                          plus_minus(study::mean_of(runs, [](const study::RunResult& r) { return r.learning(); }))});
  return rows;
}

/// The means of a line at every part of its adapter that was scored.
inline std::string markdown_parts(const study::Line& line) {
  std::string rows;
  for (const study::Line::Part& part : line.attenuated)
    rows += markdown_row({markdown_text(line.label), concat(part.scale), concat(part.threshold),
                          plus_minus(part.forgetting), plus_minus(part.learning)});
  return rows;
}

}  // namespace detail

/// Two tables with notes: one line per method at its selected rate (see summarise), one line per method and rate;
/// and a third of parts of adapters, where they were scored.
/// Error: a number that is not finite.
inline std::string markdown(const study::Results& results) {
  const auto lines = study::summarise(results);
  std::string without_result;
  for (const std::string& failure : failures(results, lines))
    without_result += concat(without_result.empty() ? concat("\n", failures_heading, ":\n\n- ") : "- ",
                             detail::markdown_text(failure), "\n");
  if (lines.empty()) return "No runs yet: the results have no rows.\n" + without_result;
  const study::RunResult& first = results.rows.front();
  std::string text = concat("Bits per byte of the backbone: original ", fixed(first.original.before, 3), ", target ",
                            fixed(first.target.before, 3), ". Means over seeds \u00b1 the standard error.\n\n");
  text += detail::markdown_heading({"method", "rate", "seeds", "forgetting", "learning",
                                    "the baseline's forgetting where it learns as much", "share of it",
                                    "gates open, original / target, %"});
  for (const study::Line& line : lines) text += detail::markdown_line(line);
  text += "\n\u2013: the baseline's curve over rates does not reach that learning.\n";
  for (const std::string& note : notes(results, lines))
    text += concat("\n", note.front() == '*' || note.front() == '+' ? "\\" : "", note, "\n");
  text += without_result;
  std::string sentences;
  for (const study::Line& line : lines)
    if (const std::string sentence = study::against_baseline(line); !sentence.empty())
      sentences += concat("- ", detail::markdown_text(line.label), ' ', sentence, '\n');
  if (!sentences.empty())
    text += concat("\nAgainst ", detail::markdown_text(io::printable(study::baseline_of(results))),
                   ", seed by seed; an order is claimed only where a difference exceeds twice its standard error:\n\n",
                   sentences);
  text += concat("\nEvery rate:\n\n", detail::markdown_heading({"method", "rate", "seeds", "forgetting", "learning"}));
  for (const study::Line& line : lines) text += detail::markdown_curve(line);
  std::string parts;
  for (const study::Line& line : lines) parts += detail::markdown_parts(line);
  if (!parts.empty())
    text += concat("\nParts of the adapter:\n\n",
                   detail::markdown_heading({"method", "scale", "threshold", "forgetting", "learning"}), parts);
  return text;
}

}}}  // namespace neutra::NEUTRA_ABI::report
