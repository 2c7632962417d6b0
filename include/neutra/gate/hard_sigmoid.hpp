/// A piecewise linear sigmoid, which reaches exactly 0 and 1.
#pragma once

#include "neutra/gate/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// g = clip(s / 6 + 1/2, 0, 1)      Courbariaux et al. 2015, arXiv 1511.00363; slope 1/6 as in PyTorch
struct HardSigmoid {
  static constexpr std::string_view name = "hard_sigmoid";
  static constexpr bool exact_zero = true;
  template <class V> NEUTRA_HD V f(V s) const { return math::min(math::max(s * V(1.0 / 6) + V(0.5), V(0)), V(1)); }
  template <class V> NEUTRA_HD V df(V, V g) const {
    return math::select(g > V(0), math::select(g < V(1), V(1.0 / 6), V(0)), V(0));
  }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
