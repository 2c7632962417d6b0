// The tape, ops, models and optimizer in float; the families.
#include "neutra/nn/instances.hpp"
#include "neutra/optim/instances.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
NEUTRA_OP_INSTANCES(template, float, Cpu)
NEUTRA_OPTIM_INSTANCES(template, float, Cpu)
NEUTRA_NN_INSTANCES(template, float, Cpu)
NEUTRA_FAMILY_INSTANCES(template)
}}  // namespace neutra::NEUTRA_ABI
