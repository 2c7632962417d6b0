/// A penalty on the gate alone.
#pragma once

#include "neutra/penalty/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

/// |g|, averaged over channels if the gate has several      derivative 0 at g = 0
struct GateL1 {
  static constexpr std::string_view name = "gate_l1";
  static constexpr Counts counts = Counts::original;
  template <class V> NEUTRA_HD V f(V g, V, V) const { return math::abs(g); }
  template <class V> NEUTRA_HD V dg(V g, V, V) const { return math::sign(g); }
  template <class V> NEUTRA_HD V ds(V, V, V) const { return V(0); }
};

}}}  // namespace neutra::NEUTRA_ABI::penalty
