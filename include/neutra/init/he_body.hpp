/// A body that learns at once, behind a gate that starts in the middle.
#pragma once

#include "neutra/init/he.hpp"
#include "neutra/init/low_variance.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace init {

/// He for the body, LowVariance for the gate, whose logits then start near 0 (or near its bias).
struct HeBody {
  static constexpr std::string_view name = "he_body";
  double variance(const Matrix& m) const { return m.gate ? LowVariance{}.variance(m) : He{}.variance(m); }
};

}}}  // namespace neutra::NEUTRA_ABI::init
