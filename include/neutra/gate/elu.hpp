/// The exponential linear unit: closed tokens still get a gradient.
#pragma once

#include "neutra/gate/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// g = s for s > 0, else exp(s) - 1      Clevert et al. 2015, arXiv 1511.07289
struct Elu {
  static constexpr std::string_view name = "elu";
  template <class V> NEUTRA_HD V f(V s) const {
    return math::select(s > V(0), s, math::exp(math::min(s, V(0))) - V(1));
  }
  template <class V> NEUTRA_HD V df(V s, V g) const { return math::select(s > V(0), V(1), g + V(1)); }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
