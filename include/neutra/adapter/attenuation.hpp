/// A trained adapter applied in part, in evaluation.
#pragma once

#include "neutra/core/error.hpp"

#include <cmath>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// How much of an adapter an evaluation applies, so that one training run gives a whole curve of learning and
/// forgetting. Training ignores it.
///   scale: y + scale (y' - y) at each site, where the adapter puts y' in place of y; 0: the backbone, to the bit
///          except in bf16, where values between matmuls are not rounded at the adapter's sites
///   threshold: a gate |g| < threshold counts as exactly 0, and its token is skipped; no effect without a gate
struct Attenuation {
  double scale = 1, threshold = 0;

  /// Error: a number that is negative or not finite.
  void check() const {
    require(scale >= 0 && std::isfinite(scale), "attenuation: the scale must be 0 or more, got ", scale);
    require(threshold >= 0 && std::isfinite(threshold), "attenuation: the threshold must be 0 or more, got ",
            threshold);
  }
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
