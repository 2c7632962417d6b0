/// Results as a text table for a terminal of 120 columns.
#pragma once

#include "neutra/core/numbers.hpp"
#include "neutra/study/distinctions.hpp"
#include "neutra/study/summary.hpp"
#include "neutra/train/overlap.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace report {

namespace detail {

/// The display width of a text: characters, not bytes.
inline std::size_t text_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

inline std::string pad_left(std::string_view text, std::size_t width) {
  return std::string(width - std::min(width, text_width(text)), ' ').append(text);
}
inline std::string pad_right(std::string_view text, std::size_t width) {
  return std::string(text) + std::string(width - std::min(width, text_width(text)), ' ');
}

/// "0.126 0.003": the mean and, if there is one, its standard error.
inline std::string with_error(const study::Mean& m) {
  return fixed(m.value, 3) + " " + (m.error ? fixed(*m.error, 3) : std::string(5, ' '));
}

// rate, seeds, original, target, forgetting, learning, at baseline, gates, extra, speed
using Cells = std::array<std::string, 10>;

inline Cells cells(const study::Line& line) {
  const auto pair = [](const study::Mean& before, const study::Mean& after) {
    return fixed(before.value, 3) + " " + fixed(after.value, 3);
  };
  return {rate(line.lr) + (line.chosen_here ? "*"
                           : line.at_edge   ? "^"
                                            : " "),
          concat(line.runs.size()),
          pair(line.original_before, line.original_after),
          pair(line.target_before, line.target_after),
          with_error(line.forgetting),
          with_error(line.learning),
          line.forgetting_at_baseline ? with_error(*line.forgetting_at_baseline) : "-      ",
          line.gate_open ? percent(line.gate_open->original.value) + "/" + percent(line.gate_open->target.value) : "-",
          line.extra_weights.value > 0 ? short_count(line.extra_weights.value) : "-",
          short_count(line.tokens_per_second.value)};
}

/// The label of the line a run belongs to; if it belongs to none, its label with whatever distinguishes it from the
/// lines of that.
inline std::string label_of(const study::Run& run, const std::vector<study::Line>& lines) {
  std::vector<Settings> alike = {study::detail::line_settings(run)};
  for (const study::Line& line : lines) {
    const study::RunResult& row = line.curve.front();
    if (study::detail::same_line(row, run)) return line.label;
    if (row.label == run.label) alike.push_back(study::detail::line_settings(row));
  }
  return io::printable(run.label + study::distinctions(alike).front(), 300);
}

/// One sentence per method that can be compared with a baseline, broken to fit 120 columns.
inline std::string comparisons(const std::vector<study::Line>& lines, const std::string& baseline) {
  std::string text;
  for (const study::Line& line : lines) {
    std::string sentence = study::against_baseline(line);
    if (sentence.empty()) continue;
    if (const auto middle = sentence.find("; "); middle != sentence.npos) sentence.replace(middle, 2, ";\n    ");
    text += concat("  ", line.label, text_width(line.label) > 50 ? "\n    " : " ", sentence, "\n");
  }
  return text.empty() ? text : concat("\nAgainst ", io::printable(baseline), ", seed by seed:\n", text);
}

}  // namespace detail

/// Notes about marks and choices, one sentence each.
inline std::vector<std::string> notes(const study::Results& results, const std::vector<study::Line>& lines) {
  std::vector<std::string> all;
  const auto any = [&](bool study::Line::*mark) {
    return std::any_of(lines.begin(), lines.end(), [&](const study::Line& line) { return line.*mark; });
  };
  const io::Json options = results.config.value("options", io::Json::object());
  if (options.is_object() && options.value("quick", io::Json()) == true)
    all.push_back("A --quick run: it shows that everything works, and its numbers mean nothing.");
  if (any(&study::Line::chosen_here))
    all.push_back(
        "* best of several rates on the text reported here, as the results record no selection on another text.");
  if (any(&study::Line::at_edge)) all.push_back("^ the smallest or largest rate tried; a better one may lie beyond.");
  const std::string baseline = io::printable(study::baseline_of(results));
  for (const study::Choice& choice : results.choices) {
    if (choice.alpha_chosen != true || choice.learns_as_baseline == true) continue;
    const std::string label = detail::label_of(choice.run, lines);
    all.push_back(choice.learns_as_baseline ? concat("No alpha of ", label, " learned within 1 % of ", baseline,
                                                     " on the tuning split; the one that learned most was selected.")
                                            : concat("No run of the baseline was available to select the alpha of ",
                                                     label, " by; the one that learned most was selected."));
  }
  if (const train::Overlaps overlaps = train::overlaps_of(results.config); train::any_in_training(overlaps))
    all.push_back(
        "Validation lines of at least 50 characters that are also in the training text: " + to_string(overlaps) + ".");
  return all;
}

/// Heading of the runs that have no result.
inline constexpr std::string_view failures_heading = "Runs without a result, excluded from all means and selections";

/// One line per run without a result: "adapter, rate 1e4, seed 1: diverged at step 3, gradient largest in layers.0.w
/// (not finite)".
inline std::vector<std::string> failures(const study::Results& results, const std::vector<study::Line>& lines) {
  std::vector<std::string> all;
  for (const study::Failure& failure : results.failed)
    all.push_back(concat(detail::label_of(failure.run, lines), ", rate ", rate(failure.run.lr), ", seed ",
                         failure.run.seed, ": ", told(failure)));
  return all;
}

/// One line per method (see summarise), with a heading of two lines and notes. Fits 120 columns, except for labels that
/// are longer than their column (they get a line of their own) and runs without a result. Without rows:
/// a sentence that says so.
inline std::string table(const study::Results& results) {
  const auto lines = study::summarise(results);
  std::string without_result;
  for (const std::string& failure : failures(results, lines))
    without_result += concat(without_result.empty() ? concat("\n", failures_heading, ":\n  ") : "  ", failure, "\n");
  if (lines.empty()) return "No runs yet: the results have no rows.\n" + without_result;
  const detail::Cells above{"",         "",           "original", "target", "forgetting",
                            "learning", "forgetting", "open %",   "extra",  "tokens"};
  const detail::Cells below{"rate ",      "n",           "before after", "before after", "mean  s.e.",
                            "mean  s.e.", "at baseline", "orig/targ",    "weights",      "/s"};
  std::vector<detail::Cells> body{above, below};
  for (const study::Line& line : lines) body.push_back(detail::cells(line));

  std::array<std::size_t, 10> widths{};
  std::size_t used = 0;
  for (std::size_t c = 0; c < widths.size(); ++c) {
    for (const auto& row : body) widths[c] = std::max(widths[c], detail::text_width(row[c]));
    used += widths[c] + 1 + (c == 0);
  }
  const std::size_t room = used < 110 ? 120 - used : 10;
  std::size_t label_width = 6;
  for (const study::Line& line : lines)
    if (detail::text_width(line.label) <= room) label_width = std::max(label_width, detail::text_width(line.label));

  std::string text;
  for (std::size_t r = 0; r < body.size(); ++r) {
    const std::string label = r == 0 ? "" : r == 1 ? "method" : lines[r - 2].label;
    const bool fits = detail::text_width(label) <= label_width;
    std::string out = fits ? detail::pad_right(label, label_width) : label + "\n" + std::string(label_width, ' ');
    for (std::size_t c = 0; c < widths.size(); ++c)
      out += (c == 0 ? "  " : " ") + detail::pad_left(body[r][c], widths[c]);
    text += out.erase(out.find_last_not_of(' ') + 1) + "\n";
  }
  const std::string baseline = study::baseline_of(results);
  text += concat(
      "Bits per byte; means over n seeds, s.e. the standard error. \"At baseline\": forgetting where a method's curve "
      "over\nrates reaches the baseline's learning",
      baseline.empty() ? "" : concat(" (", io::printable(baseline, 40), ")"),
      ".\nAn order is claimed only where a difference exceeds twice its standard error.\n");
  for (const std::string& note : notes(results, lines)) text += note + "\n";
  return text + without_result + detail::comparisons(lines, study::baseline_of(results));
}

}}}  // namespace neutra::NEUTRA_ABI::report
