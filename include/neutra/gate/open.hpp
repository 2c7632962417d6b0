/// No gate: the null member of the family.
#pragma once

#include "neutra/gate/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// g = 1 for every token: the vanilla adapter. It has no weights, and a residue does not compute its logit.
struct Open {
  static constexpr std::string_view name = "open";
  static constexpr bool open = true;
  template <class V> NEUTRA_HD V f(V) const { return V(1); }
  template <class V> NEUTRA_HD V df(V, V) const { return V(0); }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
