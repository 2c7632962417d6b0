// The tape, the ops, the optimizer and models on the emulated device and on its reference, the CPU without SIMD. They
// are compiled once, in instances.cpp, for all tests of the device.
#pragma once

#include "tests/cuda/emulated/emulator.hpp"

#include "neutra/backend/device.hpp"
#include "neutra/nn/instances.hpp"
#include "neutra/optim/instances.hpp"

#define NEUTRA_EMULATED_INSTANCES(KEYWORD, D) \
  NEUTRA_OP_INSTANCES(KEYWORD, float, D)      \
  NEUTRA_OP_INSTANCES(KEYWORD, double, D)     \
  NEUTRA_OPTIM_INSTANCES(KEYWORD, float, D)   \
  NEUTRA_NN_INSTANCES(KEYWORD, float, D)

namespace neutra { inline namespace NEUTRA_ABI {
NEUTRA_EMULATED_INSTANCES(extern template, DefaultDevice)
NEUTRA_EMULATED_INSTANCES(extern template, ReferenceDevice)
}}  // namespace neutra::NEUTRA_ABI
