/// A rectifier that is open no wider than 1.
#pragma once

#include "neutra/gate/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// g = min(max(0, s), 1)      dg/ds = 1 for 0 < s < 1, else 0
/// A token of the target passes at exactly 1, as in an ungated residue, and a token that is decided, open or closed, no
/// longer trains the gate through the language model's loss. A bounded rectifier like ReLU6 (Krizhevsky 2010).
struct ClippedRelu {
  static constexpr std::string_view name = "clipped_relu";
  static constexpr bool exact_zero = true;
  template <class V> NEUTRA_HD V f(V s) const { return V(1) - math::relu(V(1) - math::relu(s)); }
  template <class V> NEUTRA_HD V df(V s, V) const {
    return math::select(s > V(0), math::select(s < V(1), V(1), V(0)), V(0));
  }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
