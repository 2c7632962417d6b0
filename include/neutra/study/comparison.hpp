/// A method against the baseline: differences by seed, and forgetting at equal learning.
#pragma once

#include "neutra/core/numbers.hpp"
#include "neutra/study/baselines.hpp"
#include "neutra/study/line.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// A point of a method's curve over rates.
struct CurvePoint {
  double forgetting, learning;
};
/// Curves over rates by seed, for the seeds that ran as many rates as any, at least two.
using Curves = std::map<std::uint64_t, std::vector<CurvePoint>>;

/// Forgetting at the point where the curve reaches `learning`, interpolated linearly between neighbouring rates; the
/// least, if there are several such points. curve: one seed's runs in the order of their rates. Empty if the curve does
/// not reach it.
inline std::optional<double> forgetting_at(const std::vector<CurvePoint>& curve, double learning) {
  std::optional<double> least;
  for (std::size_t i = 1; i < curve.size(); ++i) {
    const CurvePoint &from = curve[i - 1], &to = curve[i];
    if (learning < std::min(from.learning, to.learning) || learning > std::max(from.learning, to.learning)) continue;
    const double along = to.learning == from.learning ? 0 : (learning - from.learning) / (to.learning - from.learning);
    const double value = from.forgetting + along * (to.forgetting - from.forgetting);
    least = least ? std::min(*least, value) : value;
  }
  return least;
}

inline Curves curves_of(const Line& line) {
  Curves by_seed;
  for (const RunResult& row : line.curve) by_seed[row.seed].push_back({row.forgetting(), row.learning()});
  std::size_t most = 2;
  for (const auto& [seed, curve] : by_seed) most = std::max(most, curve.size());
  std::erase_if(by_seed, [&](const auto& entry) { return entry.second.size() < most; });
  return by_seed;
}

/// The mean of forgetting_at over the curves. Empty unless each of them reaches `learning`: a mean over some of them
/// would be biased.
inline std::optional<Mean> forgetting_at(const Curves& curves, double learning) {
  std::vector<double> values;
  for (const auto& [seed, curve] : curves) {
    const auto value = forgetting_at(curve, learning);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values.empty() ? std::nullopt : std::optional(mean(values));
}

/// The mean of value(ours) - value(theirs) over the seeds of both: runs of one seed saw the same data in the same
/// order. Empty if they share no seed.
template <class F> std::optional<Mean> difference(const Line& ours, const Line& theirs, F&& value) {
  std::map<std::uint64_t, const RunResult*> by_seed;
  for (const RunResult& row : theirs.runs) by_seed.emplace(row.seed, &row);
  std::vector<double> values;
  for (const RunResult& row : ours.runs)
    if (const auto other = by_seed.find(row.seed); other != by_seed.end())
      values.push_back(value(row) - value(*other->second));
  return values.empty() ? std::nullopt : std::optional(mean(values));
}

/// The baselines among some lines, which must outlive them.
inline Baselines<const Line*> baselines_among(const std::vector<Line>& lines) {
  Baselines<const Line*> baselines;
  for (const Line& line : lines)
    if (line.is_baseline) baselines.add(line.curve.front(), &line);
  return baselines;
}

/// Sets the members of each line that compare it with its baseline; see Baselines.
inline void compare_with_baseline(std::vector<Line>& lines) {
  const auto baselines = baselines_among(lines);
  std::map<const Line*, Curves> curves;  // of the baselines
  for (Line& line : lines) {
    const auto* found = baselines.of(line.curve.front());
    if (!found) continue;
    const Line* baseline = *found;
    line.baseline = baseline->label;
    if (baseline == &line) {
      line.forgetting_at_baseline = line.forgetting;
      continue;
    }
    const auto [theirs, fresh] = curves.try_emplace(baseline);
    if (fresh) theirs->second = curves_of(*baseline);
    line.forgetting_at_baseline = forgetting_at(curves_of(line), baseline->learning.value);
    line.baseline_forgetting_here = forgetting_at(theirs->second, line.learning.value);
    line.forgets_more = difference(line, *baseline, [](const RunResult& row) { return row.forgetting(); });
    line.learns_more = difference(line, *baseline, [](const RunResult& row) { return row.learning(); });
  }
}

/// An order is claimed only if a difference exceeds twice its standard error; a single seed has no error and claims
/// none.
inline bool is_order(const Mean& difference) {
  return difference.error && std::abs(difference.value) > 2 * *difference.error;
}

/// "forgets 0.123 less (s.e. 0.004), learns 0.020 more (s.e. 0.015, no order); ..."; empty for the baseline itself, or
/// without a baseline.
inline std::string against_baseline(const Line& line) {
  if (!line.forgets_more || !line.learns_more) return {};
  const auto told = [](std::string_view verb, const Mean& d) {
    const std::string error =
        d.error ? concat("s.e. ", fixed(*d.error, 3), is_order(d) ? "" : ", no order") : "one seed, no order";
    return concat(verb, ' ', fixed(std::abs(d.value), 3), d.value < 0 ? " less (" : " more (", error, ')');
  };
  std::string text = told("forgets", *line.forgets_more) + ", " + told("learns", *line.learns_more);
  if (line.baseline_forgetting_here)
    text += concat("; where ", line.baseline, " learns as much it forgets ",
                   fixed(line.baseline_forgetting_here->value, 3), ", this ", fixed(line.forgetting.value, 3));
  return text;
}

}}}  // namespace neutra::NEUTRA_ABI::study
