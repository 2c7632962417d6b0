// The tape, ops, models and optimizer in double.
#include "neutra/nn/instances.hpp"
#include "neutra/optim/instances.hpp"

namespace neutra { inline namespace NEUTRA_ABI {
NEUTRA_OP_INSTANCES(template, double, Cpu)
NEUTRA_OPTIM_INSTANCES(template, double, Cpu)
NEUTRA_NN_INSTANCES(template, double, Cpu)
}}  // namespace neutra::NEUTRA_ABI
