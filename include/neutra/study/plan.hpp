/// The rows of a study, in the order in which they are run.
#pragma once

#include "neutra/study/options.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// One run of one method.
///   rate: empty where it is the one that the rows of the first seed select
struct PlannedRow {
  std::size_t method = 0;  // of Options::methods
  Index steps = 0;
  double share = 0;
  std::optional<double> alpha{}, rate{};
  std::uint64_t seed = 1;
};

/// Whether rows differ in rate and seed alone, so that they are one line of a table.
inline bool same_line(const PlannedRow& a, const PlannedRow& b) {
  return a.method == b.method && a.steps == b.steps && a.share == b.share && a.alpha == b.alpha;
}

/// Every method at every length, share and alpha: with the first seed at every rate, then with the other seeds at the
/// selected rate, or at every rate where the whole curve is wanted. No alpha is selected; each is a line of its own.
inline std::vector<PlannedRow> plan_of(const Options& options) {
  std::vector<PlannedRow> lines, rows;
  for (const Index steps : options.lengths_run())
    for (const double share : options.shares_run())
      for (std::size_t method = 0; method < options.methods.size(); ++method) {
        const std::vector<double>& alphas = options.alphas_of(options.methods[method]);
        if (alphas.empty()) lines.push_back({method, steps, share});
        for (const double alpha : alphas) lines.push_back({method, steps, share, alpha});
      }
  for (std::uint64_t seed = 1; seed <= static_cast<std::uint64_t>(options.seeds); ++seed)
    for (PlannedRow row : lines) {
      row.seed = seed;
      const std::vector<double>& rates = options.rates_of(options.methods[row.method]);
      const bool selected = seed > 1 && !options.whole_curve && rates.size() > 1;
      if (selected) rows.push_back(row);
      for (std::size_t i = 0; !selected && i < rates.size(); ++i) {
        row.rate = rates[i];
        rows.push_back(row);
      }
    }
  return rows;
}

}}}  // namespace neutra::NEUTRA_ABI::study
