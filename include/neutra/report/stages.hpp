/// What a model that is extended stage by stage does on every text, after every stage.
#pragma once

#include "neutra/core/numbers.hpp"
#include "neutra/report/table.hpp"
#include "neutra/study/summary.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace report {

/// One stage of a study.      continues: whether it extends the models of the stage before it
struct Stage {
  std::string name;
  bool continues = false;
  study::Results results;
};

namespace detail {

/// A line of the table: its heading, and a cell by text.
struct StageLine {
  std::string heading;
  std::map<std::string, std::string> cells;
};

/// "2.601 (-2.754 0.003)": bits per byte after a stage, the change by it, and the standard error of that.
inline StageLine after_stage(const std::string& name, const study::Line& line) {
  std::map<std::string, std::vector<double>> after, change;
  for (const study::RunResult& row : line.runs) {
    if (!row.further) continue;
    for (const auto& [text, score] : *row.further) {
      after[text].push_back(score.after);
      change[text].push_back(score.after - score.before);
    }
  }
  StageLine told{io::printable(name), {}};
  for (const auto& [text, scores] : after) {
    const study::Mean by = study::mean(change[text]);
    told.cells[text] = concat(fixed(study::mean(scores).value, 3), " (", by.value > 0 ? "+" : "", fixed(by.value, 3),
                              by.error ? " " + fixed(*by.error, 3) : "", ")");
  }
  return told;
}
inline StageLine before_stages(const study::Line& line) {
  std::map<std::string, std::vector<double>> before;
  for (const study::RunResult& row : line.runs)
    if (row.further)
      for (const auto& [text, score] : *row.further) before[text].push_back(score.before);
  StageLine told{"(before)", {}};
  for (const auto& [text, scores] : before) told.cells[text] = fixed(study::mean(scores).value, 3);
  return told;
}

inline std::string laid_out(const std::vector<StageLine>& lines) {
  StageLine head{"after", {}};
  for (const auto& [text, ignored] : lines.front().cells) head.cells[text] = io::printable(text);
  std::vector<StageLine> all = {head};
  all.insert(all.end(), lines.begin(), lines.end());
  std::size_t first = 0;
  for (const StageLine& line : all) first = std::max(first, text_width(line.heading));
  std::string table;
  for (const StageLine& line : all) {
    std::string row = "  " + pad_right(line.heading, first);
    for (const auto& [text, ignored] : head.cells) {
      std::size_t width = 0;
      for (const StageLine& other : all)
        if (const auto own = other.cells.find(text); own != other.cells.end())
          width = std::max(width, text_width(own->second));
      const auto own = line.cells.find(text);
      row += "  " + pad_right(own == line.cells.end() ? "-" : own->second, width);
    }
    table += row.erase(row.find_last_not_of(' ') + 1) + "\n";
  }
  return table;
}

}  // namespace detail

/// A table for each method and each sequence of stages: a line for each stage, a column for each further text of the
/// rows. Empty if no stage continues another, or if rows have no further texts.
inline std::string table_of_stages(const std::vector<Stage>& stages) {
  std::string text;
  for (std::size_t first = 0, end = 0; first < stages.size(); first = end) {
    end = first + 1;
    while (end < stages.size() && stages[end].continues) ++end;
    std::vector<std::string> labels;
    std::map<std::string, std::vector<detail::StageLine>> by_label;
    for (std::size_t stage = first; stage < end; ++stage)
      for (const study::Line& line : study::summarise(stages[stage].results)) {
        auto& lines = by_label[line.label];
        if (lines.empty()) {
          labels.push_back(line.label);
          lines.push_back(detail::before_stages(line));
        }
        lines.push_back(detail::after_stage(stages[stage].name, line));
      }
    for (const std::string& label : labels)
      if (end > first + 1 && !by_label[label].front().cells.empty())
        text += concat("\n", label, "\n", detail::laid_out(by_label[label]));
  }
  if (text.empty()) return text;
  return "Bits per byte after each stage; in brackets the change by that stage and, of several seeds, its standard "
         "error.\n" +
         text;
}

}}}  // namespace neutra::NEUTRA_ABI::report
