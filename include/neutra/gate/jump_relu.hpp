/// A rectifier with a threshold.
#pragma once

#include "neutra/gate/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// g = s for s > threshold, else 0; dg/ds = 1 or 0. The threshold is an option and is not trained.
/// Erichson et al. 2019, arXiv 1904.03750
struct JumpRelu {
  static constexpr std::string_view name = "jump_relu";
  static constexpr bool exact_zero = true;
  float threshold = 0.1f;
  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("threshold", self.threshold);
  }
  template <class V> NEUTRA_HD V f(V s) const { return math::select(s > V(threshold), s, V(0)); }
  template <class V> NEUTRA_HD V df(V s, V) const { return math::select(s > V(threshold), V(1), V(0)); }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
