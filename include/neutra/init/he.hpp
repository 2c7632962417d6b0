/// Preserves the variance of activations through rectifiers.
#pragma once

#include "neutra/init/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace init {

/// variance = 2 / inputs      He et al. 2015, arXiv 1502.01852
struct He {
  static constexpr std::string_view name = "he";
  double variance(const Matrix& m) const { return 2.0 / static_cast<double>(m.inputs); }
};

}}}  // namespace neutra::NEUTRA_ABI::init
