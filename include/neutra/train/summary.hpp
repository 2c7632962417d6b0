/// Means over seeds, and forgetting read off each method's curve at the vanilla adapter's learning: what tables and reports print.
#pragma once

#include "neutra/train/results.hpp"

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

namespace neutra::inline NEUTRA_ABI::train {

/// Mean over seeds and its standard error, sample deviation / sqrt(count); a single seed has no error.
struct Mean {
  double value = 0;
  std::optional<double> error;
};

/// Error: no values.
inline Mean mean(const std::vector<double>& values) {
  require(!values.empty(), "mean: there must be at least one value");
  const auto n = static_cast<double>(values.size());
  double sum = 0, square = 0;
  for (const double v : values) sum += v;
  for (const double v : values) square += (v - sum / n) * (v - sum / n);
  return {sum / n, values.size() > 1 ? std::optional(std::sqrt(square / (n - 1) / n)) : std::nullopt};
}

/// One line of a table: the runs that differ in seed and learning rate alone.
/// label: the method, followed by those settings in which it differs from other lines of the same method, as in "neutral, alpha 0.1".
struct Line {
  std::string label, method;
  std::vector<Row> curve;    // all its runs, by rate, then seed
  std::vector<Row> runs;     // those at the reported rate
  double lr = 0;             // the reported rate
  bool chosen_here = false;  // no choice was recorded: the best of several rates on the very text that is reported
  Mean original_before, original_after, target_before, target_after, forgetting, learning, extra_weights, extra_share, tokens_per_second;
  std::optional<Mean> forgetting_at_vanilla;  // see summarise
  std::optional<PerDomain<Mean>> gate_open;
  std::optional<PerDomain<std::vector<double>>> gate_open_by_layer, residue_ratio_by_layer;  // means over seeds
};

/// Forgetting where the curve reaches `learning`: linear between runs at neighbouring rates, the least where it passes more than once.
/// rows: one seed's runs in the order of their rates. Empty where no two neighbours have `learning` between them.
inline std::optional<double> forgetting_at(const std::vector<Row>& rows, double learning) {
  std::optional<double> least;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const double from = rows[i - 1].learning(), to = rows[i].learning();
    if (learning < std::min(from, to) || learning > std::max(from, to)) continue;
    const double along = to == from ? 0 : (learning - from) / (to - from);
    const double value = rows[i - 1].forgetting() + along * (rows[i].forgetting() - rows[i - 1].forgetting());
    least = least ? std::min(*least, value) : value;
  }
  return least;
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

inline bool same_line(const Row& a, const Row& b) { return a.method == b.method && settings(a) == settings(b); }

inline void name_lines(std::vector<Line>& lines) {
  for (Line& line : lines) {
    const auto own = settings(line.curve.front());
    line.label = line.method = line.curve.front().method;
    for (std::size_t i = 0; i < own.size(); ++i) {
      const bool differs = std::any_of(lines.begin(), lines.end(), [&](const Line& other) {
        return other.curve.front().method == line.method && settings(other.curve.front())[i].second != own[i].second;
      });
      if (differs) line.label += concat(", ", own[i].first, ' ', own[i].second);
    }
  }
}

template <class F> Mean mean_of(const std::vector<Row>& rows, F&& f) {
  std::vector<double> values;
  for (const Row& row : rows) values.push_back(static_cast<double>(f(row)));
  return mean(values);
}

/// The recorded choice for the label or the method; else the only rate with the most seeds; else, marked, that of the lowest target loss.
inline void choose_rate(Line& line, const io::Json& config) {
  std::map<double, std::vector<Row>> by_rate;
  for (const Row& row : line.curve) by_rate[row.lr].push_back(row);
  for (const std::string& key : {line.label, line.method}) {
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
  const auto best = std::min_element(by_rate.begin(), by_rate.end(),
                                     [&](const auto& a, const auto& b) { return mean_of(a.second, loss).value < mean_of(b.second, loss).value; });
  line.lr = best->first;
  line.runs = best->second;
}

/// Means by layer over the runs that have them; empty where none has, or where runs differ in their number of layers.
template <class Member> std::optional<PerDomain<std::vector<double>>> mean_by_layer(const std::vector<Row>& rows, Member member) {
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
    add(sum->original, own->original), add(sum->target, own->target), ++count;
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

/// The vanilla adapter a line is held against: of the same share, capacity and steps, else the only one there is.
inline const Line* vanilla_for(const Line& line, const std::vector<Line>& lines) {
  std::vector<const Line*> all;
  for (const Line& other : lines)
    if (other.method == "adapter") all.push_back(&other);
  for (const Line* other : all) {
    const Row &a = line.curve.front(), &b = other->curve.front();
    if (a.share == b.share && a.capacity == b.capacity && a.steps == b.steps) return other;
  }
  return all.size() == 1 ? all.front() : nullptr;
}

/// Each seed's own curve is read at the same learning; a mean over fewer seeds than were run would be of the lucky ones.
inline std::optional<Mean> read_curve(const Line& line, double learning) {
  std::map<std::uint64_t, std::vector<Row>> by_seed;
  for (const Row& row : line.curve) by_seed[row.seed].push_back(row);
  std::vector<double> values;
  for (const Row& run : line.runs)
    if (const auto value = forgetting_at(by_seed[run.seed], learning)) values.push_back(*value);
  return values.empty() || values.size() < line.runs.size() ? std::nullopt : std::optional(mean(values));
}

}  // namespace detail

/// One line per method and choice of settings, in the order of the rows.
/// The reported rate is config's chosen_lr; without one the rate with the most seeds, or the best of several, which chosen_here marks.
/// forgetting_at_vanilla: the vanilla adapter's own forgetting for itself; for others each seed's curve over rates, read at the mean learning
/// of the vanilla adapter (method "adapter") of the same share, capacity and steps; empty unless every seed's curve brackets it.
/// Error: a number that is not finite.
inline std::vector<Line> summarise(const Results& results) {
  to_json(results);  // for its checks
  std::vector<Line> lines;
  for (const Row& row : results.rows) {
    auto line = std::find_if(lines.begin(), lines.end(), [&](const Line& l) { return detail::same_line(l.curve.front(), row); });
    if (line == lines.end()) line = lines.emplace(lines.end());
    line->curve.push_back(row);
  }
  detail::name_lines(lines);
  for (Line& line : lines) {
    std::stable_sort(line.curve.begin(), line.curve.end(),
                     [](const Row& a, const Row& b) { return std::pair(a.lr, a.seed) < std::pair(b.lr, b.seed); });
    detail::choose_rate(line, results.config);
    detail::average(line);
  }
  for (Line& line : lines) {
    const Line* vanilla = detail::vanilla_for(line, lines);
    if (vanilla != nullptr)
      line.forgetting_at_vanilla = vanilla == &line ? std::optional(line.forgetting) : detail::read_curve(line, vanilla->learning.value);
  }
  return lines;
}

}  // namespace neutra::inline NEUTRA_ABI::train
