/// Memory of a training step: blocks come back when a value is dead, and every step finds the blocks of the step before.
#pragma once

#include "neutra/core/tensor.hpp"

#include <bit>
#include <cstdint>
#include <unordered_set>
#include <vector>

namespace neutra::inline NEUTRA_ABI {

/// Free lists by size class. A training step asks for the same sizes each time, so after the first nothing is allocated.
/// Blocks that several steps did not use are given back when another size is wanted: a text that grows by a token a step leaves its smaller blocks
/// behind, of every size it had.
template <class D> class Pool {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    for (void* memory : owned_) D::release(memory);
  }

  /// Eight classes to a power of two, at least 64 bytes apart: at most an eighth is wasted, and sizes that differ by little share blocks.
  static std::size_t size_class(std::size_t bytes) {
    const std::size_t step = std::max<std::size_t>(std::bit_floor(bytes) / 8, 64);
    return std::max((bytes + step - 1) / step * step, step);
  }

  /// A step of training or inference begins.
  void next_step() { ++step_; }

  void* acquire(std::size_t bytes) {
    Bucket& bucket = find(size_class(bytes));
    if (bucket.free.empty()) return add_to(bucket);
    void* memory = bucket.free.back().memory;
    bucket.free.pop_back();
    return memory;
  }

  void release(void* memory, std::size_t bytes) { find(size_class(bytes)).free.push_back({memory, step_}); }

  /// Bytes held, in use or free.
  std::size_t total() const { return total_; }

 private:
  static constexpr std::uint64_t kept_steps = 8;  // batches of a few shapes that take turns, and evaluations between them, find their blocks again
  struct Free {
    void* memory;
    std::uint64_t step;  // when it was released
  };
  struct Bucket {
    std::size_t bytes;
    std::size_t blocks = 0;
    std::vector<Free> free;  // the latest at the end
  };

  void* add_to(Bucket& bucket) {
    for (Bucket& other : buckets_) give_back_unused(other);
    void* memory = D::allocate(bucket.bytes);
    owned_.insert(memory);
    bucket.free.reserve(++bucket.blocks);
    total_ += bucket.bytes;
    return memory;
  }
  void give_back_unused(Bucket& bucket) {
    auto used = bucket.free.begin();
    for (; used != bucket.free.end() && used->step + kept_steps < step_; ++used) {
      owned_.erase(used->memory);
      D::release(used->memory);
      --bucket.blocks;
      total_ -= bucket.bytes;
    }
    bucket.free.erase(bucket.free.begin(), used);
  }
  Bucket& find(std::size_t bytes) {
    for (Bucket& bucket : buckets_)
      if (bucket.bytes == bytes) return bucket;
    buckets_.push_back({bytes, 0, {}});
    return buckets_.back();
  }
  std::vector<Bucket> buckets_;  // a model has some tens of sizes: a search from the front is as quick as a map
  std::unordered_set<void*> owned_;
  std::uint64_t step_ = 0;
  std::size_t total_ = 0;
};

/// Trivially copyable things one after another in blocks that are kept from step to step.
class Arena {
 public:
  template <class T> const T* keep(const T& thing) { return new (place(sizeof(T), alignof(T))) T(thing); }
  void clear() { block_ = offset_ = 0; }

 private:
  void* place(std::size_t bytes, std::size_t align) {
    offset_ = (offset_ + align - 1) / align * align;
    if (block_ == blocks_.size() || offset_ + bytes > block_bytes) {
      require(bytes <= block_bytes, "Arena: a closure of ", bytes, " bytes is larger than ", block_bytes, "; keep its data on the tape");
      if (block_ < blocks_.size()) ++block_;
      if (block_ == blocks_.size()) blocks_.push_back(std::make_unique<std::byte[]>(block_bytes));
      offset_ = 0;
    }
    void* memory = blocks_[block_].get() + offset_;
    offset_ += bytes;
    return memory;
  }

  static constexpr std::size_t block_bytes = 1 << 16;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::size_t block_ = 0, offset_ = 0;
};

}  // namespace neutra::inline NEUTRA_ABI
