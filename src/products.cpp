// Matrix products and attention.
#include "neutra/backend/cpu/instances.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
NEUTRA_FLOAT_PRODUCT_INSTANCES(template)
NEUTRA_DOUBLE_PRODUCT_INSTANCES(template)
}}  // namespace neutra::NEUTRA_ABI
