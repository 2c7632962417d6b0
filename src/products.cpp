// Matmul and attention.
#include "neutra/backend/cpu/instances.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
NEUTRA_PRODUCT_INSTANCES(template, float)
NEUTRA_PRODUCT_INSTANCES(template, double)
}}  // namespace neutra::NEUTRA_ABI
