// Device memory of the emulated device. Outside of kernels and of the driver's functions it is closed, as long as it
// has few blocks: the address sanitizer reports a host function that touches it. Each block ends in bytes of its own
// that no kernel may change.
#pragma once

#include "tests/cuda/emulated/fibers.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu { namespace emulated {

class Memory {
 public:
  // Never destroyed: tensors of static storage duration are released after it.
  static Memory& instance() {
    static auto* const memory = new Memory;
    return *memory;
  }

  /// New memory holds NaN instead of zeros, for tests of what overwrites it.
  bool dirty = false;
  /// Blocks since the program began, for tests of what allocates.
  Index allocated = 0;

  void* allocate(std::size_t bytes) {
    ++allocated;
    void* block = nullptr;
    const bool there = posix_memalign(&block, alignment, bytes + margin) == 0;
    require(there, "out of memory of the emulated device: asked for ", bytes, " bytes");
    std::memset(block, dirty ? 0xff : 0, bytes);
    std::memset(static_cast<std::byte*>(block) + bytes, mark, margin);
    blocks_[static_cast<std::byte*>(block)] = bytes;
    closed_ ? closed(static_cast<std::byte*>(block), bytes) : opened(static_cast<std::byte*>(block), bytes);
    return block;
  }
  void release(void* block) noexcept {
    const auto found = blocks_.find(static_cast<std::byte*>(block));
    if (found == blocks_.end()) return;
    whole(found->first, found->second);
    std::free(block);
    blocks_.erase(found);
  }

  /// Opens device memory while it exists.
  class Opened {
   public:
    Opened() {
      Memory& memory = instance();
      ++memory.open_;
      if (memory.closed_)
        for (const auto& [block, bytes] : memory.blocks_) opened(block, bytes);
      memory.closed_ = false;
    }
    Opened(const Opened&) = delete;
    Opened& operator=(const Opened&) = delete;
    ~Opened() {
      Memory& memory = instance();
      memory.closed_ = --memory.open_ == 0 && memory.blocks_.size() <= most_closed;
      if (memory.closed_)
        for (const auto& [block, bytes] : memory.blocks_) closed(block, bytes);
    }
  };

  /// Error: memory that is not within one block.
  void check(const void* first, std::size_t bytes, std::string_view what) const {
    if (bytes == 0) return;
    const auto* begin = static_cast<const std::byte*>(first);
    auto block = blocks_.upper_bound(const_cast<std::byte*>(begin));
    const bool inside = block != blocks_.begin() && begin + bytes <= (--block)->first + block->second;
    require(inside, "emulator: ", what, " of ", bytes, " bytes that are not within one block of device memory");
  }
  /// Error: bytes after a block were changed. Without the address sanitizer, the only trace of such a write.
  void check_ends(std::string_view kernel) {
#if !defined(NEUTRA_ADDRESS_SANITIZER)
    for (const auto& [block, bytes] : blocks_) {
      std::byte* const end = block + bytes;
      if (std::all_of(end, end + margin, [](std::byte b) { return b == std::byte{mark}; })) continue;
      std::memset(end, mark, margin);
      fail("kernel ", kernel, ": it wrote beyond the end of a block of device memory of ", bytes, " bytes");
    }
#else
    static_cast<void>(kernel);
#endif
  }

 private:
  static constexpr std::size_t alignment = 256, margin = 64;  // as cudaMalloc aligns
  static constexpr unsigned char mark = 0xa5;
  // To open and close the memory of a whole model would take most of the time of every launch.
  static constexpr std::size_t most_closed = 64;

#if defined(NEUTRA_ADDRESS_SANITIZER)
  static void opened(const std::byte* block, std::size_t bytes) {
    ASAN_UNPOISON_MEMORY_REGION(block, bytes);
    ASAN_POISON_MEMORY_REGION(block + (bytes + 7) / 8 * 8, margin - 8);
  }
  static void closed(const std::byte* block, std::size_t bytes) { ASAN_POISON_MEMORY_REGION(block, bytes + margin); }
  static void whole(const std::byte* block, std::size_t bytes) { ASAN_UNPOISON_MEMORY_REGION(block, bytes + margin); }
#else
  static void opened(const std::byte*, std::size_t) {}
  static void closed(const std::byte*, std::size_t) {}
  static void whole(const std::byte*, std::size_t) {}
#endif

  std::map<std::byte*, std::size_t> blocks_;
  int open_ = 0;
  bool closed_ = false;
};

}}}}  // namespace neutra::NEUTRA_ABI::gpu::emulated
