// The checks of ops on the emulated device, in its usual order of threads and in random orders.
#pragma once

#include "tests/cuda/emulated/instances.hpp"

#include "tests/cases/on_device.hpp"

namespace cases {

/// New device memory holds NaN while it exists.
struct DirtyMemory {
  DirtyMemory() { gpu::emulated::Memory::instance().dirty = true; }
  DirtyMemory(const DirtyMemory&) = delete;
  DirtyMemory& operator=(const DirtyMemory&) = delete;
  ~DirtyMemory() { gpu::emulated::Memory::instance().dirty = false; }
};

/// Calls f with the threads of each block in a random order, and the blocks too.
inline void in_random_order(const auto& f) {
  static std::uint64_t seed = 0;
  const gpu::emulated::RandomOrder random(++seed);
  f();
}

template <class Case> void check_emulated() {
  const DirtyMemory dirty;
  check_on_device<Cuda, ReferenceDevice, Case>([](const auto& f) { in_random_order(f); });
}

}  // namespace cases
