/// Memory of the device, and buffers that calls reuse.
#pragma once

#include "neutra/backend/cuda/staging.hpp"
#include "neutra/core/tensor.hpp"

#include <algorithm>
#include <span>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

/// Memory for Tensor<T, Memory>, and copies between host and device.
struct Memory {
  /// Zeroed. Error: out of memory.
  static void* allocate(std::size_t bytes) { return gpu::allocate(bytes); }
  static void release(void* memory, std::size_t bytes) noexcept { gpu::release(memory, bytes); }
  static void copy(const void* from, void* to, std::size_t bytes) { gpu::copy(from, to, bytes); }
  template <class T> static T read(const T* from) {
    T value;
    gpu::download(from, &value, sizeof value);
    return value;
  }
  template <class T> static void upload(std::span<const T> from, T* to) {
    Staging::here().upload(from.data(), to, from.size_bytes());
  }
  template <class T> static void download(const T* from, std::span<T> to) {
    gpu::download(from, to.data(), to.size_bytes());
  }
};

/// What a buffer holds. Two buffers of one purpose are never in use at the same time.
enum class Buffer {
  column_sums,
  sum,
  chains,
  places,
  scan,
  left,
  right,
  sums,
  weights,
  quantised_sums,
  means,
  attention_sums,
  purposes
};

namespace detail {
class Buffers {
 public:
  Buffers() = default;
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;
  /// Everything runs in the order in which it was asked for, so that what still reads the old block is done when the
  /// memory is given to another.
  void* at_least(Buffer purpose, std::size_t bytes) {
    Block& block = blocks_[static_cast<std::size_t>(purpose)];
    if (block.bytes >= bytes) return block.memory;
    if (block.memory) gpu::release(block.memory, block.bytes);
    block = {};
    block.memory = gpu::allocate(bytes);
    block.bytes = bytes;
    return block.memory;
  }

 private:
  struct Block {
    void* memory = nullptr;
    std::size_t bytes = 0;
  };
  Block blocks_[static_cast<std::size_t>(Buffer::purposes)];
};
}  // namespace detail

/// Memory for `count` elements, until the next call with this purpose. It grows to the largest that was asked for, so
/// that after the first step nothing is allocated. One thread of the host speaks to the device.
template <class T> T* buffer(Buffer purpose, Index count) {
  // Never destroyed: the runtime may be gone before static objects are.
  static auto* all = new detail::Buffers;
  return static_cast<T*>(all->at_least(purpose, static_cast<std::size_t>(std::max<Index>(count, 1)) * sizeof(T)));
}

}}}  // namespace neutra::NEUTRA_ABI::gpu
