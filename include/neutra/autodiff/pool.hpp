/// Memory of a training step: blocks come back when a value is dead, and every step finds the blocks of the step before.
#pragma once

#include "neutra/core/tensor.hpp"

#include <vector>

namespace neutra::inline NEUTRA_ABI {

/// Free lists by exact size. A training step asks for the same sizes each time, so after the first nothing is allocated.
template <class D> class Pool {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    for (const Block& block : owned_) D::release(block.memory);
  }

  void* acquire(std::size_t bytes) {
    bytes = std::max<std::size_t>((bytes + 63) / 64 * 64, 64);
    Bucket& bucket = find(bytes);
    if (bucket.free.empty()) {
      owned_.push_back({D::allocate(bytes), bytes});
      bucket.free.reserve(++bucket.blocks);
      total_ += bytes;
      return owned_.back().memory;
    }
    void* memory = bucket.free.back();
    bucket.free.pop_back();
    return memory;
  }

  void release(void* memory, std::size_t bytes) { find(std::max<std::size_t>((bytes + 63) / 64 * 64, 64)).free.push_back(memory); }

  /// Bytes held, in use or free.
  std::size_t total() const { return total_; }

 private:
  struct Block {
    void* memory;
    std::size_t bytes;
  };
  struct Bucket {
    std::size_t bytes;
    std::size_t blocks = 0;
    std::vector<void*> free;
  };
  Bucket& find(std::size_t bytes) {
    for (Bucket& bucket : buckets_)
      if (bucket.bytes == bytes) return bucket;
    buckets_.push_back({bytes, 0, {}});
    return buckets_.back();
  }
  std::vector<Bucket> buckets_;  // a model has some tens of sizes: a search from the front is as quick as a map
  std::vector<Block> owned_;
  std::size_t total_ = 0;
};

/// Trivially copyable things one after another in blocks that are kept from step to step.
class Arena {
 public:
  void* place(std::size_t bytes, std::size_t align) {
    offset_ = (offset_ + align - 1) / align * align;
    if (block_ == blocks_.size() || offset_ + bytes > block_bytes) {
      require(bytes <= block_bytes, "Arena: a backward closure of ", bytes, " bytes is larger than ", block_bytes, "; keep its data on the tape");
      if (block_ < blocks_.size()) ++block_;
      if (block_ == blocks_.size()) blocks_.push_back(std::make_unique<std::byte[]>(block_bytes));
      offset_ = 0;
    }
    void* memory = blocks_[block_].get() + offset_;
    offset_ += bytes;
    return memory;
  }
  void clear() { block_ = offset_ = 0; }

 private:
  static constexpr std::size_t block_bytes = 1 << 16;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::size_t block_ = 0, offset_ = 0;
};

}  // namespace neutra::inline NEUTRA_ABI
