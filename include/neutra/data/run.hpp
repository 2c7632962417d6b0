/// Stretches of a text or of its tokens, by which parts of it are marked.
#pragma once

#include "neutra/core/config.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// The positions begin .. end - 1.
struct Run {
  std::size_t begin = 0, end = 0;

  std::size_t size() const { return end - begin; }
  friend bool operator==(const Run&, const Run&) = default;
};

/// In ascending order; none is empty, no two touch.
using Runs = std::vector<Run>;

/// Adds a run behind the others; one that touches the last extends it.
inline void append_run(Runs& runs, Run run) {
  if (run.begin == run.end) return;
  if (!runs.empty() && runs.back().end == run.begin) {
    runs.back().end = run.end;
  } else {
    runs.push_back(run);
  }
}

/// f(part) for the parts of runs in begin .. end - 1, in order.
template <class F> void for_each_part(const Runs& runs, std::size_t begin, std::size_t end, const F& f) {
  auto run = std::partition_point(runs.begin(), runs.end(), [&](const Run& one) { return one.end <= begin; });
  for (; run != runs.end() && run->begin < end; ++run) f(Run{std::max(run->begin, begin), std::min(run->end, end)});
}

/// The number of positions of runs in begin .. end - 1.
inline std::size_t size_within(const Runs& runs, std::size_t begin, std::size_t end) {
  std::size_t size = 0;
  for_each_part(runs, begin, end, [&](Run part) { size += part.size(); });
  return size;
}

}}}  // namespace neutra::NEUTRA_ABI::data
