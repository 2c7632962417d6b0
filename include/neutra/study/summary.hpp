/// The lines of tables and reports from results: runs grouped, rates selected, means over seeds, and the comparison
/// with the baseline.
#pragma once

#include "neutra/io/utf8.hpp"
#include "neutra/study/comparison.hpp"
#include "neutra/study/distinctions.hpp"
#include "neutra/study/front.hpp"
#include "neutra/study/shorthands.hpp"
#include "neutra/study/sweep.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

template <class F> Mean mean_of(const std::vector<RunResult>& rows, F&& f) {
  std::vector<double> values;
  for (const RunResult& row : rows) values.push_back(static_cast<double>(f(row)));
  return mean(values);
}

namespace detail {

/// The settings that distinguish the lines of one label, by name.
inline Settings line_settings(const Run& run) {
  Settings all = run.settings;
  all["kind"] = run.kind;
  all["steps"] = run.steps;
  all["share"] = run.share;
  if (run.alpha) all["alpha"] = *run.alpha;
  return all;
}

/// Identifies a line: the label and all settings.
using LineKey = std::pair<std::string, Settings>;
inline LineKey line_key(const Run& run) { return {run.label, line_settings(run)}; }

inline bool same_line(const Run& a, const Run& b) { return line_key(a) == line_key(b); }

/// Whether a line's rate is the least or largest of several tried, those that diverged included. diverged: their rates,
/// by line.
inline bool at_edge(const Line& line, const std::map<LineKey, std::set<double>>& diverged) {
  std::set<double> tried = {line.curve.front().lr, line.curve.back().lr};
  if (const auto own = diverged.find(line_key(line.curve.front())); own != diverged.end())
    tried.insert(own->second.begin(), own->second.end());
  return tried.size() > 1 && (line.lr == *tried.begin() || line.lr == *tried.rbegin());
}

/// Sets the labels of lines. They are printed, so names from the results are escaped here.
inline void name_lines(std::vector<Line>& lines) {
  std::map<std::string, std::vector<Line*>> by_label;
  for (Line& line : lines) by_label[line.method = line.curve.front().label].push_back(&line);
  for (const auto& [label, alike] : by_label) {
    std::vector<Settings> settings;
    for (const Line* line : alike) settings.push_back(line_settings(line->curve.front()));
    const std::vector<std::string> apart = distinctions(settings);
    for (std::size_t i = 0; i < alike.size(); ++i) alike[i]->label = io::printable(label + apart[i], 300);
  }
}

/// A key that lines share if they differ only in alpha.
inline LineKey key_but_alpha(Run run) {
  run.alpha.reset();
  return line_key(run);
}

/// Whether the lines of two runs differ only in alpha.
inline bool differ_in_alpha_alone(const Run& a, const Run& b) {
  return a.alpha != b.alpha && key_but_alpha(a) == key_but_alpha(b);
}

/// The recorded choices, by line.
using Choices = std::map<LineKey, const Choice*>;
inline Choices choices_of(const Results& results) {
  Choices choices;
  for (const Choice& choice : results.choices) choices.emplace(line_key(choice.run), &choice);
  return choices;
}

/// Marks each line at the selected alpha, if lines of other alphas are shown beside it.
inline void mark_chosen_alpha(std::vector<Line>& lines, const Choices& choices) {
  std::map<LineKey, std::size_t> alternatives;
  for (const Line& line : lines) ++alternatives[key_but_alpha(line.curve.front())];
  for (Line& line : lines) {
    const RunResult& row = line.curve.front();
    const auto own = choices.find(line_key(row));
    if (own != choices.end() && own->second->alpha_chosen == true && alternatives[key_but_alpha(row)] > 1)
      line.label += " (chosen)";
  }
}

/// Sets the reported rate: the recorded choice; otherwise the rate with the most seeds; of several such, the one with
/// the lowest target loss, which chosen_here marks.
inline void choose_rate(Line& line, const Choices& choices) {
  std::map<double, std::vector<RunResult>> by_rate;
  for (const RunResult& row : line.curve) by_rate[row.lr].push_back(row);
  const auto own = choices.find(line_key(line.curve.front()));
  if (own != choices.end() && by_rate.contains(own->second->run.lr)) {
    line.lr = own->second->run.lr;
    line.runs = by_rate[line.lr];
    return;
  }
  std::size_t most = 0;
  for (const auto& [lr, rows] : by_rate) most = std::max(most, rows.size());
  std::erase_if(by_rate, [&](const auto& entry) { return entry.second.size() < most; });
  line.chosen_here = by_rate.size() > 1;
  const auto loss = [](const RunResult& row) { return row.target.after; };
  const auto best = std::min_element(by_rate.begin(), by_rate.end(), [&](const auto& a, const auto& b) {
    return mean_of(a.second, loss).value < mean_of(b.second, loss).value;
  });
  line.lr = best->first;
  line.runs = best->second;
}

/// Means by layer over the runs that have such values; empty if none has, or if runs differ in their number of layers.
template <class Member>
std::optional<PerDomain<std::vector<double>>> mean_by_layer(const std::vector<RunResult>& rows, Member member) {
  std::optional<PerDomain<std::vector<double>>> sum;
  double count = 0;
  const auto add = [](std::vector<double>& to, const std::vector<double>& from) {
    for (std::size_t layer = 0; layer < to.size(); ++layer) to[layer] += from[layer];
  };
  for (const RunResult& row : rows) {
    const auto& own = row.*member;
    if (!own) continue;
    if (!sum) sum = {std::vector<double>(own->original.size()), std::vector<double>(own->target.size())};
    if (own->original.size() != sum->original.size() || own->target.size() != sum->target.size()) return std::nullopt;
    add(sum->original, own->original);
    add(sum->target, own->target);
    ++count;
  }
  if (!sum) return sum;
  for (auto* values : {&sum->original, &sum->target})
    for (double& v : *values) v /= count;
  return sum;
}

/// Likewise by class of tokens, over the runs that have them; a class counts where every such run has it.
template <class Member>
std::optional<PerDomain<ByClass>> mean_by_class(const std::vector<RunResult>& rows, Member member) {
  std::map<std::string, std::vector<double>> original, target;
  std::size_t count = 0;
  for (const RunResult& row : rows) {
    const auto& own = row.*member;
    if (!own) continue;
    ++count;
    for (const auto& [name, value] : own->original) original[name].push_back(value);
    for (const auto& [name, value] : own->target) target[name].push_back(value);
  }
  if (count == 0) return std::nullopt;
  const auto means = [&](const auto& values) {
    ByClass result;
    for (const auto& [name, each] : values)
      if (each.size() == count) result[name] = mean(each).value;
    return result;
  };
  return PerDomain<ByClass>{means(original), means(target)};
}

/// The parts of an adapter that all the runs have.
inline std::vector<Line::Part> mean_parts(const std::vector<RunResult>& runs) {
  std::map<std::pair<double, double>, std::array<std::vector<double>, 2>> by_part;  // forgetting, learning
  for (const RunResult& row : runs)
    for (const Attenuated& point : row.attenuated.value_or(std::vector<Attenuated>())) {
      auto& [forgetting, learning] = by_part[{point.threshold, point.scale}];
      forgetting.push_back(point.after.original - row.original.before);
      learning.push_back(row.target.before - point.after.target);
    }
  std::vector<Line::Part> parts;
  for (const auto& [part, values] : by_part)
    if (values[0].size() == runs.size()) parts.push_back({part.second, part.first, mean(values[0]), mean(values[1])});
  return parts;
}

inline void average(Line& line) {
  const auto& runs = line.runs;
  line.original_before = mean_of(runs, [](const RunResult& r) { return r.original.before; });
  line.original_after = mean_of(runs, [](const RunResult& r) { return r.original.after; });
  line.target_before = mean_of(runs, [](const RunResult& r) { return r.target.before; });
  line.target_after = mean_of(runs, [](const RunResult& r) { return r.target.after; });
  line.forgetting = mean_of(runs, [](const RunResult& r) { return r.forgetting(); });
  line.learning = mean_of(runs, [](const RunResult& r) { return r.learning(); });
  line.extra_weights = mean_of(runs, [](const RunResult& r) { return r.extra_weights; });
  line.extra_share = mean_of(runs, [](const RunResult& r) { return r.extra_share; });
  line.tokens_per_second = mean_of(runs, [](const RunResult& r) { return r.tokens_per_second; });
  if (std::all_of(runs.begin(), runs.end(), [](const RunResult& r) { return r.gate_open.has_value(); }))
    line.gate_open = {mean_of(runs, [](const RunResult& r) { return r.gate_open->original; }),
                      mean_of(runs, [](const RunResult& r) { return r.gate_open->target; })};
  line.attenuated = mean_parts(runs);
  line.gate_open_by_layer = mean_by_layer(runs, &RunResult::gate_open_by_layer);
  line.residue_ratio_by_layer = mean_by_layer(runs, &RunResult::residue_ratio_by_layer);
  line.tokens_by_class = mean_by_class(runs, &RunResult::tokens_by_class);
  line.gate_open_by_class = mean_by_class(runs, &RunResult::gate_open_by_class);
  line.residue_ratio_by_class = mean_by_class(runs, &RunResult::residue_ratio_by_class);
}

}  // namespace detail

/// The label of the method that others are compared with; empty if the results name none.
inline std::string baseline_of(const Results& results) {
  const auto named = results.config.find("baseline");
  return named != results.config.end() && named->is_string() ? named->get<std::string>() : std::string();
}

/// One line for each method and set of settings, in the order of the rows.
/// The reported rate is the recorded choice; without one, the rate with the most seeds, or the best of several such,
/// which chosen_here marks. Error: a number that is not finite.
inline std::vector<Line> summarise(const Results& results) {
  to_json(results);  // for its checks
  std::vector<Line> lines;
  std::map<detail::LineKey, std::size_t> place;
  for (const RunResult& row : results.rows) {
    const auto [at, fresh] = place.emplace(detail::line_key(row), lines.size());
    if (fresh) lines.emplace_back();
    lines[at->second].curve.push_back(row);
  }
  std::map<detail::LineKey, std::set<double>> diverged;
  for (const Failure& failure : results.failed)
    if (failure.state == FailureState::diverged) diverged[detail::line_key(failure.run)].insert(failure.run.lr);
  const detail::Choices choices = detail::choices_of(results);
  const std::string baseline = baseline_of(results);
  detail::name_lines(lines);
  for (Line& line : lines) {
    line.is_baseline = is_baseline(line.method, baseline);
    std::stable_sort(line.curve.begin(), line.curve.end(), [](const RunResult& a, const RunResult& b) {
      return std::pair(a.lr, a.seed) < std::pair(b.lr, b.seed);
    });
    detail::choose_rate(line, choices);
    line.at_edge = detail::at_edge(line, diverged);
    detail::average(line);
  }
  compare_with_baseline(lines);
  mark_front(lines);
  std::vector<Settings> settings;
  for (const Line& line : lines) settings.push_back(detail::line_settings(line.curve.front()));
  mark_sweeps(lines, settings);
  detail::mark_chosen_alpha(lines, choices);  // last: a baseline is called by its label without the mark
  return lines;
}

}}}  // namespace neutra::NEUTRA_ABI::study
