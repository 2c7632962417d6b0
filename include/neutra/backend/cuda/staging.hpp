/// Small uploads, such as tokens, through pinned memory: the host need not wait until the device has read them.
#pragma once

#include "neutra/backend/cuda/driver.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

/// A ring of slots of pinned memory. One thread of the host speaks to the device.
class Staging {
 public:
  static constexpr std::size_t slot_bytes = std::size_t{64} << 10;  // 16 sequences of 1024 tokens
  static constexpr Index slots = 64;                                // more than the uploads of a step
  /// What is larger, such as a weight, is not copied twice.
  static constexpr std::size_t most_bytes = std::size_t{1} << 20;

  static Staging& here() {
    // Never destroyed: the runtime may be gone before static objects are.
    static auto* staging = new Staging;
    return *staging;
  }

  /// The memory at `from` may change as soon as this returns.
  void upload(const void* from, void* to, std::size_t bytes) {
    if (bytes > most_bytes) return gpu::upload(from, to, bytes);
    for (std::size_t first = 0; first < bytes; first += slot_bytes)
      upload_part(static_cast<const std::byte*>(from) + first, static_cast<std::byte*>(to) + first,
                  std::min(slot_bytes, bytes - first));
  }

 private:
  struct Slot {
    void* memory = nullptr;  // none before the first use
    Mark read;
  };
  Staging() = default;

  void upload_part(const std::byte* from, std::byte* to, std::size_t bytes) {
    Slot& slot = ring_[next_];
    next_ = (next_ + 1) % ring_.size();
    if (slot.memory)
      wait(slot.read);
    else
      slot.memory = pinned(slot_bytes);
    std::memcpy(slot.memory, from, bytes);
    upload_pinned(slot.memory, to, bytes);
    mark(slot.read);
  }

  std::array<Slot, static_cast<std::size_t>(slots)> ring_;
  std::size_t next_ = 0;
};

}}}  // namespace neutra::NEUTRA_ABI::gpu
