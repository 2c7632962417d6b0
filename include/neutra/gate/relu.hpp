/// The gate of the paper.
#pragma once

#include "neutra/gate/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// g = max(0, s)      dg/ds = 0 at s = 0, so that a closed token gets no gradient      arXiv 2410.02744, section 4
struct Relu {
  static constexpr std::string_view name = "relu";
  static constexpr bool exact_zero = true;
  template <class V> NEUTRA_HD V f(V s) const { return math::relu(s); }
  template <class V> NEUTRA_HD V df(V s, V) const { return math::select(s > V(0), V(1), V(0)); }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
