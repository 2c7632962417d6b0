/// A gate with values of either sign.
#pragma once

#include "neutra/gate/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// g = tanh(s)
struct Tanh {
  static constexpr std::string_view name = "tanh";
  template <class V> NEUTRA_HD V f(V s) const { return math::tanh(s); }
  template <class V> NEUTRA_HD V df(V, V g) const { return V(1) - g * g; }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
