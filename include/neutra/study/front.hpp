/// The Pareto front of lines: those of which no other forgets less and learns at least as much, or learns more and
/// forgets no more.
#pragma once

#include "neutra/study/line.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// Marks the lines on the front, by their means. Lines of equal means are on it together. A single line is not marked:
/// there is nothing to compare it with.
inline void mark_front(std::vector<Line>& lines) {
  std::vector<Line*> order;
  for (Line& line : lines) order.push_back(&line);
  // By forgetting; of lines that forget alike, the one that learns most comes first.
  std::sort(order.begin(), order.end(), [](const Line* a, const Line* b) {
    return std::pair(a->forgetting.value, -a->learning.value) < std::pair(b->forgetting.value, -b->learning.value);
  });
  double forgetting = 0, most = -std::numeric_limits<double>::infinity();
  for (Line* line : order) {
    const bool equal = line->learning.value == most && line->forgetting.value == forgetting;
    line->on_front = lines.size() > 1 && (line->learning.value > most || equal);
    if (line->learning.value <= most) continue;
    most = line->learning.value;
    forgetting = line->forgetting.value;
  }
}

}}}  // namespace neutra::NEUTRA_ABI::study
