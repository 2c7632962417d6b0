/// The initialisation of the paper: the model stays near the backbone for longer.
#pragma once

#include "neutra/init/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace init {

/// variance = 1 / (d L)      arXiv 2410.02744
struct LowVariance {
  static constexpr std::string_view name = "low_variance";
  double variance(const Matrix& m) const {
    return 1.0 / (static_cast<double>(m.width) * static_cast<double>(m.layers));
  }
};

}}}  // namespace neutra::NEUTRA_ABI::init
