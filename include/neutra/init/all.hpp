/// The initialisations of the library.
#pragma once

#include "neutra/core/types.hpp"
// IWYU pragma: begin_exports
#include "neutra/init/he.hpp"
#include "neutra/init/he_body.hpp"
#include "neutra/init/low_variance.hpp"
#include "neutra/init/xavier.hpp"
// IWYU pragma: end_exports

namespace neutra { inline namespace NEUTRA_ABI { namespace init {

using All = Types<He, HeBody, LowVariance, Xavier>;

}}}  // namespace neutra::NEUTRA_ABI::init
