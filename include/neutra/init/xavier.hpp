/// A compromise that preserves the variance of activations and of gradients.
#pragma once

#include "neutra/init/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace init {

/// variance = 2 / (inputs + outputs)      Glorot & Bengio 2010
struct Xavier {
  static constexpr std::string_view name = "xavier";
  double variance(const Matrix& m) const { return 2.0 / static_cast<double>(m.inputs + m.outputs); }
};

}}}  // namespace neutra::NEUTRA_ABI::init
