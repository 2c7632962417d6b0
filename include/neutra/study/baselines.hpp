/// Which of several baselines a run is compared with.
#pragma once

#include "neutra/study/run.hpp"

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// A value T for each baseline, found by the run that is compared with the baseline. Only baselines with the steps and
/// share of the run count. If these differ in capacity, body or placement, as in a sweep, the run is compared with the
/// one that is equal to it there. If they do not, as a single baseline, capacity, body and placement do not count.
template <class T> class Baselines {
 public:
  /// Of two baselines that are equal in all of these, the first counts.
  void add(const Run& baseline, const T& known) {
    Group& group = groups_[{baseline.steps, baseline.share}];
    const Values values = values_of(baseline);
    for (std::size_t i = 0; i < values.size(); ++i) group.seen[i].insert(values[i]);
    for (unsigned equal = 0; equal < 1u << values.size(); ++equal) group.found.emplace(key(values, equal), known);
  }
  /// Null if there is none. A setting that the run lacks, such as the capacity of finetuning, does not count.
  const T* of(const Run& run) const {
    const auto group = groups_.find({run.steps, run.share});
    if (group == groups_.end()) return nullptr;
    const Values values = values_of(run);
    unsigned equal = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (values[i] && group->second.seen[i].size() > 1) equal |= 1u << i;
    const auto found = group->second.found.find(key(values, equal));
    return found == group->second.found.end() ? nullptr : &found->second;
  }

 private:
  using Values = std::array<std::optional<std::string>, 3>;
  using Key = std::pair<unsigned, Values>;
  struct Group {
    std::array<std::set<std::optional<std::string>>, 3> seen;
    std::map<Key, T> found;
  };

  static Values values_of(const Run& run) {
    Values values;
    std::size_t i = 0;
    for (const char* name : {"capacity", "body", "placement"}) {
      if (const auto own = run.settings.find(name); own != run.settings.end()) values[i] = text_of(own->second);
      ++i;
    }
    return values;
  }
  /// equal: a bit for each of the values that count.
  static Key key(Values values, unsigned equal) {
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!(equal & (1u << i))) values[i].reset();
    return {equal, values};
  }

  std::map<std::pair<Index, double>, Group> groups_;  // by steps and share
};

}}}  // namespace neutra::NEUTRA_ABI::study
