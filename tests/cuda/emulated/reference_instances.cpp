#include "tests/cuda/emulated/instances.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
NEUTRA_EMULATED_INSTANCES(template, ReferenceDevice)
}}  // namespace neutra::NEUTRA_ABI
