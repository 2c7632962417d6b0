/// A trained adapter applied in part, in evaluation, and the adapters of a list switched on and off.
#pragma once

#include "neutra/core/error.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// How much of an adapter an evaluation applies, so that one training run gives a whole curve of learning and
/// forgetting. Training ignores it.
///   scale: y + scale (y' - y) at each site, where the adapter puts y' in place of y; 0: it is switched off, nothing of
///          it is computed, and the model is the one without it to the bit
///   threshold: a gate |g| < threshold counts as exactly 0, and its token is skipped; no effect without a gate
///   members: those of the adapters of a list, in its order; the scale of the list applies to all of them together, its
///            threshold to each. Empty: each is applied whole
/// Of three adapters the second alone, and half of the third:
///     model.attenuation = {.members = {{.scale = 0}, {}, {.scale = 0.5}}};
struct Attenuation {
  double scale = 1, threshold = 0;
  std::vector<Attenuation> members{};

  bool operator==(const Attenuation& other) const {
    return scale == other.scale && threshold == other.threshold && members == other.members;
  }

  /// Error: a number that is negative or not finite; of the members too.
  void check() const {
    require(scale >= 0 && std::isfinite(scale), "attenuation: the scale must be 0 or more, got ", scale);
    require(threshold >= 0 && std::isfinite(threshold), "attenuation: the threshold must be 0 or more, got ",
            threshold);
    for (const Attenuation& member : members) member.check();
  }
};

/// The attenuation of one adapter during a pass: with the threshold of the lists that it is in.
struct PassAttenuation {
  double scale = 1, threshold = 0;
  const std::vector<Attenuation>* members = nullptr;  // of a list; null: each is applied whole

  PassAttenuation() = default;
  explicit PassAttenuation(const Attenuation& given, double of_list = 0)
      : scale(given.scale),
        threshold(std::max(given.threshold, of_list)),
        members(given.members.empty() ? nullptr : &given.members) {}

  bool off() const { return scale == 0; }
  /// That of the adapter at a position in the list.
  PassAttenuation member(std::size_t position) const {
    if (members) return PassAttenuation((*members)[position], threshold);
    PassAttenuation whole;
    whole.threshold = threshold;
    return whole;
  }
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
