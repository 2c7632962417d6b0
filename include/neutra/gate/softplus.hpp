/// A smooth rectifier.
#pragma once

#include "neutra/gate/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// g = log(1 + exp(s))      dg/ds = sigmoid(s)
struct Softplus {
  static constexpr std::string_view name = "softplus";
  template <class V> NEUTRA_HD V f(V s) const { return math::softplus(s); }
  template <class V> NEUTRA_HD V df(V s, V) const { return math::sigmoid(s); }
};

}}}  // namespace neutra::NEUTRA_ABI::gate
