/// The bodies of the library.
#pragma once

#include "neutra/core/types.hpp"
// IWYU pragma: begin_exports
#include "neutra/body/bottleneck.hpp"
#include "neutra/body/gated_unit.hpp"
// IWYU pragma: end_exports

namespace neutra::inline NEUTRA_ABI::body {

using All = Types<GatedUnit, Bottleneck>;

}  // namespace neutra::inline NEUTRA_ABI::body
