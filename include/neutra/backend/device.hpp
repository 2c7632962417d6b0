/// The devices that are meant where none is named: the one place that chooses them.
#pragma once

#include "neutra/backend/cpu/cpu.hpp"

namespace neutra { inline namespace NEUTRA_ABI {

/// What programs and checks of policies run on, and a Transformer without a device.
using DefaultDevice = Cpu;

/// The same loops one element at a time: what policies are compared with.
using ReferenceDevice = ScalarCpu;

}}  // namespace neutra::NEUTRA_ABI
