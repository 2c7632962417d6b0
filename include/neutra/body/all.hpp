/// The bodies of the library.
#pragma once

#include "neutra/core/types.hpp"
// IWYU pragma: begin_exports
#include "neutra/body/bottleneck.hpp"
#include "neutra/body/gated_unit.hpp"
// IWYU pragma: end_exports

namespace neutra { inline namespace NEUTRA_ABI { namespace body {

using All = Types<GatedUnit, Bottleneck>;

}}}  // namespace neutra::NEUTRA_ABI::body
