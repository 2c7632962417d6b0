/// Results to the lines that tables and reports print: runs grouped, rates chosen, means over seeds, and each against
/// the vanilla adapter.
#pragma once

#include "neutra/io/utf8.hpp"
#include "neutra/study/comparison.hpp"

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

template <class F> Mean mean_of(const std::vector<Row>& rows, F&& f) {
  std::vector<double> values;
  for (const Row& row : rows) values.push_back(static_cast<double>(f(row)));
  return mean(values);
}

namespace detail {

/// The settings of a row that make a line of its own, by name; what a row does not have is "none".
inline std::array<std::pair<std::string_view, std::string>, 9> settings(const Row& row) {
  const auto text = [](const auto& value) { return value ? concat(*value) : std::string("none"); };
  return {{{"gate", text(row.gate)},
           {"body", text(row.body)},
           {"penalty", text(row.penalty)},
           {"init", text(row.init)},
           {"placement", text(row.placement)},
           {"steps", concat(row.steps)},
           {"alpha", text(row.alpha)},
           {"share", concat(row.share)},
           {"capacity", text(row.capacity)}}};
}

/// What two rows of one line have in common: the method and all settings. To compare, and to find in a map.
using LineKey = std::array<std::string, 10>;
inline LineKey line_key(const Row& row) {
  LineKey key{row.method};
  const auto own = settings(row);
  for (std::size_t i = 0; i < own.size(); ++i) key[i + 1] = own[i].second;
  return key;
}

inline bool same_line(const Row& a, const Row& b) { return line_key(a) == line_key(b); }

/// Whether a line's rate is the least or largest of those tried, of which several may have diverged. diverged: their
/// rates, by line.
inline bool at_edge(const Line& line, const std::map<LineKey, std::set<double>>& diverged) {
  std::set<double> tried = {line.curve.front().lr, line.curve.back().lr};
  if (const auto own = diverged.find(line_key(line.curve.front())); own != diverged.end())
    tried.insert(own->second.begin(), own->second.end());
  return tried.size() > 1 && (line.lr == *tried.begin() || line.lr == *tried.rbegin());
}

/// Labels are shown to people, so that whatever names the results hold is made fit for that here.
inline void name_lines(std::vector<Line>& lines) {
  std::map<std::string, std::array<std::set<std::string>, 9>> values;  // of each setting, by method
  for (const Line& line : lines) {
    const auto own = settings(line.curve.front());
    for (std::size_t i = 0; i < own.size(); ++i) values[line.curve.front().method][i].insert(own[i].second);
  }
  for (Line& line : lines) {
    const auto own = settings(line.curve.front());
    std::string label = line.method = line.curve.front().method;
    for (std::size_t i = 0; i < own.size(); ++i)
      if (values[line.method][i].size() > 1) label += concat(", ", own[i].first, ' ', own[i].second);
    line.label = io::shown(label, 300);
  }
}

/// The key of a line whatever its alpha: lines that differ in that alone share it.
inline LineKey key_but_alpha(Row row) {
  row.alpha.reset();
  return line_key(row);
}

/// Whether the rows differ in alpha and in nothing else that makes a line.
inline bool differ_in_alpha_alone(const Row& a, const Row& b) {
  return a.alpha != b.alpha && key_but_alpha(a) == key_but_alpha(b);
}

/// Says of each line at the chosen alpha that it is that, among those it was chosen from.
inline void mark_chosen_alpha(std::vector<Line>& lines, const io::Json& config) {
  const auto chosen = config.find("chosen_alpha");
  if (chosen == config.end() || !chosen->is_number()) return;
  std::map<LineKey, std::size_t> alternatives;
  for (const Line& line : lines) ++alternatives[key_but_alpha(line.curve.front())];
  for (Line& line : lines) {
    const Row& own = line.curve.front();
    if (own.alpha == chosen->get<double>() && alternatives[key_but_alpha(own)] > 1) line.label += " (chosen)";
  }
}

/// The recorded choice, for this line by its label, for its alpha, or for its method; else the only rate with the most
/// seeds; else, marked, that of the lowest target loss.
inline void choose_rate(Line& line, const io::Json& config) {
  std::map<double, std::vector<Row>> by_rate;
  for (const Row& row : line.curve) by_rate[row.lr].push_back(row);
  std::vector<std::string> keys = {line.label};
  if (const auto& alpha = line.curve.front().alpha) keys.push_back(concat(line.method, ", alpha ", *alpha));
  keys.push_back(line.method);
  for (const std::string& key : keys) {
    const auto pointer = io::Json::json_pointer("/chosen_lr");
    if (!config.contains(pointer) || !config[pointer].is_object() || !config[pointer].contains(key)) continue;
    const auto& lr = config[pointer][key];
    if (lr.is_number() && by_rate.contains(lr.get<double>())) {
      line.lr = lr.get<double>();
      line.runs = by_rate[line.lr];
      return;
    }
  }
  std::size_t most = 0;
  for (const auto& [lr, rows] : by_rate) most = std::max(most, rows.size());
  std::erase_if(by_rate, [&](const auto& entry) { return entry.second.size() < most; });
  line.chosen_here = by_rate.size() > 1;
  const auto loss = [](const Row& row) { return row.target.after; };
  const auto best = std::min_element(by_rate.begin(), by_rate.end(), [&](const auto& a, const auto& b) {
    return mean_of(a.second, loss).value < mean_of(b.second, loss).value;
  });
  line.lr = best->first;
  line.runs = best->second;
}

/// Means by layer over the runs that have them; empty where none has, or where runs differ in their number of layers.
template <class Member>
std::optional<PerDomain<std::vector<double>>> mean_by_layer(const std::vector<Row>& rows, Member member) {
  std::optional<PerDomain<std::vector<double>>> sum;
  double count = 0;
  const auto add = [](std::vector<double>& to, const std::vector<double>& from) {
    for (std::size_t layer = 0; layer < to.size(); ++layer) to[layer] += from[layer];
  };
  for (const Row& row : rows) {
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

inline void average(Line& line) {
  const auto& runs = line.runs;
  line.original_before = mean_of(runs, [](const Row& r) { return r.original.before; });
  line.original_after = mean_of(runs, [](const Row& r) { return r.original.after; });
  line.target_before = mean_of(runs, [](const Row& r) { return r.target.before; });
  line.target_after = mean_of(runs, [](const Row& r) { return r.target.after; });
  line.forgetting = mean_of(runs, [](const Row& r) { return r.forgetting(); });
  line.learning = mean_of(runs, [](const Row& r) { return r.learning(); });
  line.extra_weights = mean_of(runs, [](const Row& r) { return r.extra_weights; });
  line.extra_share = mean_of(runs, [](const Row& r) { return r.extra_share; });
  line.tokens_per_second = mean_of(runs, [](const Row& r) { return r.tokens_per_second; });
  if (std::all_of(runs.begin(), runs.end(), [](const Row& r) { return r.gate_open.has_value(); }))
    line.gate_open = {mean_of(runs, [](const Row& r) { return r.gate_open->original; }),
                      mean_of(runs, [](const Row& r) { return r.gate_open->target; })};
  line.gate_open_by_layer = mean_by_layer(runs, &Row::gate_open_by_layer);
  line.residue_ratio_by_layer = mean_by_layer(runs, &Row::residue_ratio_by_layer);
}

}  // namespace detail

/// One line per method and choice of settings, in the order of the rows.
/// The reported rate is config's chosen_lr; without one the rate with the most seeds, or the best of several, which
/// chosen_here marks. Error: a number that is not finite.
inline std::vector<Line> summarise(const Results& results) {
  to_json(results);  // for its checks
  std::vector<Line> lines;
  std::map<detail::LineKey, std::size_t> place;
  for (const Row& row : results.rows) {
    const auto [at, fresh] = place.emplace(detail::line_key(row), lines.size());
    if (fresh) lines.emplace_back();
    lines[at->second].curve.push_back(row);
  }
  std::map<detail::LineKey, std::set<double>> diverged;
  for (const Failure& failure : results.failed)
    if (failure.state == FailureState::diverged) diverged[detail::line_key(failure.run)].insert(failure.run.lr);
  detail::name_lines(lines);
  for (Line& line : lines) {
    std::stable_sort(line.curve.begin(), line.curve.end(),
                     [](const Row& a, const Row& b) { return std::pair(a.lr, a.seed) < std::pair(b.lr, b.seed); });
    detail::choose_rate(line, results.config);
    line.at_edge = detail::at_edge(line, diverged);
    detail::average(line);
  }
  detail::mark_chosen_alpha(lines, results.config);  // last: rates are chosen by the label without the mark
  compare_with_vanilla(lines);
  return lines;
}

}}}  // namespace neutra::NEUTRA_ABI::study
