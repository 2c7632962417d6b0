/// One line of a table: the runs of one method with one set of settings, and their means over seeds.
#pragma once

#include "neutra/study/results.hpp"

#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

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

/// One line of a table: the runs that differ only in seed and learning rate.
/// label: that of the method, followed by those settings in which it differs from other lines of the same method, as
/// in "neutral, alpha 0.1".
struct Line {
  std::string label, method;
  /// Its place among lines that differ in one number alone: "neutral", "share", 0.1. Set by mark_sweeps.
  struct Swept {
    std::string of, setting;
    double value = 0;
  };
  std::optional<Swept> swept{};
  bool is_baseline = false;
  std::vector<RunResult> curve;  // all its runs, by rate, then seed
  std::vector<RunResult> runs;   // those at the reported rate
  double lr = 0;                 // the reported rate
  bool at_edge = false;          // whether it is the least or largest of several tried: a better one may lie beyond
  bool chosen_here = false;      // no choice is recorded: the best of several rates on the reported text itself
  Mean original_before, original_after, target_before, target_after, forgetting, learning, extra_weights, extra_share,
      tokens_per_second;

  // The comparison with the baseline (see Baselines); empty without one.
  std::string baseline;                           // its label
  std::optional<Mean> forgetting_at_baseline;     // this line's curve over rates, read at the baseline's mean learning
  std::optional<Mean> baseline_forgetting_here;   // the baseline's curve, read at this line's mean learning
  std::optional<Mean> forgets_more, learns_more;  // differences by seed, this minus the baseline

  std::optional<PerDomain<Mean>> gate_open;
  std::optional<PerDomain<std::vector<double>>> gate_open_by_layer, residue_ratio_by_layer;  // means over seeds
  std::optional<PerDomain<ByClass>> tokens_by_class, gate_open_by_class, residue_ratio_by_class;

  /// Parts of the adapter (adapter::Attenuation), those that every run at the reported rate has; by threshold, then
  /// scale.
  struct Part {
    double scale = 1, threshold = 0;
    Mean forgetting{}, learning{};
  };
  std::vector<Part> attenuated;

  bool on_front = false;  // see mark_front
};

}}}  // namespace neutra::NEUTRA_ABI::study
