/// A gate that is never quite closed.
#pragma once

#include "neutra/gate/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// g = 1 / (1 + exp(-s))      the domain classifier in the ablation of arXiv 2410.02744
struct Sigmoid {
  static constexpr std::string_view name = "sigmoid";
  template <class V> NEUTRA_HD V f(V s) const { return math::sigmoid(s); }
  template <class V> NEUTRA_HD V df(V, V g) const { return g * (V(1) - g); }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
