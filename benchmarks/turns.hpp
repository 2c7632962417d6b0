// Programs that take turns, so that disturbances on the machine affect all of them equally.
#pragma once

#include "roof.hpp"

#include <cstdio>
#include <functional>
#include <vector>

namespace turns {

struct Contender {
  const char* name;
  std::function<double()> seconds;
};

/// Shows times relative to the first program, as medians over rounds with quartiles, and the share of the last one's
/// extra time that each costs.
inline void show(const char* title, const std::vector<Contender>& all, int rounds) {
  for (const auto& c : all) {
    c.seconds();
    c.seconds();
  }
  std::vector<std::vector<double>> ratios(all.size());
  std::vector<double> first;
  for (int round = 0; round < rounds; ++round) {
    std::vector<double> took;
    for (const auto& c : all) took.push_back(c.seconds());
    first.push_back(took.front());
    for (std::size_t i = 0; i < all.size(); ++i) ratios[i].push_back(took[i] / took.front());
  }
  const double last = roof::quantile(ratios.back(), 0.5) - 1;
  std::printf("%s; %s takes %.1f ms\n", title, all.front().name, 1e3 * roof::quantile(first, 0.5));
  for (std::size_t i = 1; i < all.size(); ++i) {
    const double ratio = roof::quantile(ratios[i], 0.5);
    std::printf("  %-14s %.3f (%.3f..%.3f) of that, %3.0f %% of the extra of %s\n", all[i].name, ratio,
                roof::quantile(ratios[i], 0.25), roof::quantile(ratios[i], 0.75), 100 * (ratio - 1) / last,
                all.back().name);
  }
}

}  // namespace turns
