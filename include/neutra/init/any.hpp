/// An initialisation chosen at run time.
#pragma once

#include "neutra/init/family.hpp"

#include <functional>

namespace neutra { inline namespace NEUTRA_ABI { namespace init {

/// Any initialisation, behind a function.
struct Any {
  template <Init I>
  Any(const I& chosen) : name(I::name), variance([chosen](const Matrix& m) { return chosen.variance(m); }) {}

  std::string_view name;
  std::function<double(const Matrix&)> variance;
};

}}}  // namespace neutra::NEUTRA_ABI::init
