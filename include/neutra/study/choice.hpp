/// Which rate and which alpha are chosen: by the scores on the choosing text, never by those that are reported.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/study/row.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// Bits per byte of both domains before and after, on one text.
struct Scores {
  BeforeAfter original, target;

  double forgetting() const { return original.after - original.before; }
  double learning() const { return target.before - target.after; }
};

/// The position of the rate with the lowest target bits per byte; ties go to the first. Error: none tried.
inline std::size_t choose_rate(const std::vector<Scores>& tried) {
  require(!tried.empty(), "choosing a rate: at least one must have been tried");
  const auto best = std::min_element(tried.begin(), tried.end(),
                                     [](const Scores& a, const Scores& b) { return a.target.after < b.target.after; });
  return static_cast<std::size_t>(best - tried.begin());
}

/// Within 1 % of what the vanilla adapter learns, or more; never where there is none.
inline bool learns_enough(const Scores& scores, std::optional<double> vanilla_learning) {
  return vanilla_learning && scores.learning() >= *vanilla_learning - 0.01 * std::abs(*vanilla_learning);
}

/// The position of the alpha that forgets least among those that learn within 1 % of the vanilla adapter; where none
/// does, or there is none, of the one that learns most. Ties go to the first. Error: none tried.
inline std::size_t choose_alpha(const std::vector<Scores>& tried, std::optional<double> vanilla_learning) {
  require(!tried.empty(), "choosing alpha: at least one must have been tried");
  std::size_t chosen = tried.size();
  for (std::size_t i = 0; i < tried.size(); ++i)
    if (learns_enough(tried[i], vanilla_learning) &&
        (chosen == tried.size() || tried[i].forgetting() < tried[chosen].forgetting()))
      chosen = i;
  if (chosen < tried.size()) return chosen;
  const auto most = std::max_element(tried.begin(), tried.end(),
                                     [](const Scores& a, const Scores& b) { return a.learning() < b.learning(); });
  return static_cast<std::size_t>(most - tried.begin());
}

}}}  // namespace neutra::NEUTRA_ABI::study
