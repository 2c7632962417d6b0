/// A method against the vanilla adapter: differences by seed, and forgetting at equal learning.
#pragma once

#include "neutra/train/line.hpp"
#include "neutra/train/numbers.hpp"

#include <algorithm>
#include <map>

namespace neutra::inline NEUTRA_ABI::train {

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

/// forgetting_at, for every seed that ran all the rates that any did, if they are several; empty unless each of them reaches the learning: a mean over
/// some would be of the lucky ones.
inline std::optional<Mean> forgetting_at(const Line& line, double learning) {
  std::map<std::uint64_t, std::vector<Row>> by_seed;
  for (const Row& row : line.curve) by_seed[row.seed].push_back(row);
  std::size_t most = 2;
  for (const auto& [seed, rows] : by_seed) most = std::max(most, rows.size());
  std::vector<double> values;
  for (const auto& [seed, rows] : by_seed) {
    if (rows.size() < most) continue;
    const auto value = forgetting_at(rows, learning);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values.empty() ? std::nullopt : std::optional(mean(values));
}

/// value(ours) - value(theirs), by seed: runs of one seed saw the same data in the same order. Empty where no seed is common.
template <class F> std::optional<Mean> difference(const Line& ours, const Line& theirs, F&& value) {
  std::vector<double> values;
  for (const Row& a : ours.runs)
    for (const Row& b : theirs.runs)
      if (a.seed == b.seed) values.push_back(value(a) - value(b));
  return values.empty() ? std::nullopt : std::optional(mean(values));
}

namespace detail {

/// The vanilla adapter a line is held against: of the same steps and share, and of the same capacity, body and placement where the line has them.
inline const Line* vanilla_for(const Line& line, const std::vector<Line>& lines) {
  const auto agree = [](const auto& own, const auto& other) { return !own || own == other; };
  for (const Line& other : lines) {
    const Row &a = line.curve.front(), &b = other.curve.front();
    if (other.method == "adapter" && a.steps == b.steps && a.share == b.share && agree(a.capacity, b.capacity) && agree(a.body, b.body) &&
        agree(a.placement, b.placement))
      return &other;
  }
  return nullptr;
}

}  // namespace detail

/// Fills what lines know of their vanilla adapter.
inline void compare_with_vanilla(std::vector<Line>& lines) {
  for (Line& line : lines) {
    const Line* vanilla = detail::vanilla_for(line, lines);
    if (vanilla == nullptr) continue;
    if (vanilla == &line) {
      line.forgetting_at_vanilla = line.forgetting;
      continue;
    }
    line.forgetting_at_vanilla = forgetting_at(line, vanilla->learning.value);
    line.vanilla_forgetting_here = forgetting_at(*vanilla, line.learning.value);
    line.forgets_more = difference(line, *vanilla, [](const Row& row) { return row.forgetting(); });
    line.learns_more = difference(line, *vanilla, [](const Row& row) { return row.learning(); });
  }
}

/// An order is claimed where a difference exceeds twice its standard error; a single seed has none.
inline bool is_order(const Mean& difference) { return difference.error && std::abs(difference.value) > 2 * *difference.error; }

/// "forgets 0.123 less (s.e. 0.004), learns 0.020 more (s.e. 0.015, no order); ..."; empty for the vanilla adapter itself, or where there is none.
inline std::string against_vanilla(const Line& line) {
  if (!line.forgets_more || !line.learns_more) return {};
  const auto told = [](std::string_view verb, const Mean& d) {
    const std::string error = d.error ? concat("s.e. ", fixed(*d.error, 3), is_order(d) ? "" : ", no order") : "one seed, no order";
    return concat(verb, ' ', fixed(std::abs(d.value), 3), d.value < 0 ? " less (" : " more (", error, ')');
  };
  std::string text = told("forgets", *line.forgets_more) + ", " + told("learns", *line.learns_more);
  if (line.vanilla_forgetting_here)
    text += concat("; where the adapter learns as much it forgets ", fixed(line.vanilla_forgetting_here->value, 3), ", this ",
                   fixed(line.forgetting.value, 3));
  return text;
}

}  // namespace neutra::inline NEUTRA_ABI::train
