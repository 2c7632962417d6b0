/// The devices that are meant where none is named: the one place that chooses them.
#pragma once

#include "neutra/backend/cpu/cpu.hpp"
#if defined(NEUTRA_CUDA)
#include "neutra/backend/cuda/cuda.hpp"
#endif

namespace neutra { inline namespace NEUTRA_ABI {

/// What programs and checks of policies run on, and a Transformer without a device. The linked target chooses it.
#if defined(NEUTRA_CUDA)
using DefaultDevice = Cuda;
#else
using DefaultDevice = Cpu;
#endif

/// The same loops one element at a time: what policies are compared with.
using ReferenceDevice = ScalarCpu;

}}  // namespace neutra::NEUTRA_ABI
