/// The memory pool of a training step: blocks of released values are reused, within a step and by later steps.
#pragma once

#include "neutra/core/tensor.hpp"

#include <bit>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// Free lists by size class. A training step requests the same sizes each time, so after the first step nothing is
/// allocated. Before it allocates, the pool frees the blocks that no step has used for some time: generating text,
/// where sizes grow by one token a step, would otherwise accumulate blocks of every size.
template <class D> class Pool {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    for (const auto& [memory, bytes] : owned_) D::release(memory, bytes);
  }

  /// Eight size classes per power of two, at least 64 bytes apart: rounding up wastes at most an eighth, and similar
  /// sizes share blocks.
  static std::size_t size_class(std::size_t bytes) {
    const std::size_t step = std::max<std::size_t>(std::bit_floor(bytes) / 8, 64);
    return std::max((bytes + step - 1) / step * step, step);
  }

  /// Marks the start of a training or inference step.
  void next_step() { ++step_; }

  void* acquire(std::size_t bytes) {
    Bucket& bucket = find(size_class(bytes));
    if (bucket.free.empty()) return add_to(bucket);
    void* memory = bucket.free.back().memory;
    bucket.free.pop_back();
    return memory;
  }

  void release(void* memory, std::size_t bytes) { find(size_class(bytes)).free.push_back({memory, step_}); }

  /// Bytes allocated, in use or free.
  std::size_t total() const { return total_; }

 private:
  // Alternating batch shapes, and evaluations in between, reuse blocks released up to this many steps before.
  static constexpr std::uint64_t idle_steps = 8;
  struct Free {
    void* memory;
    std::uint64_t step;  // when it was released
  };
  struct Bucket {
    std::size_t bytes;
    std::size_t blocks = 0;
    std::vector<Free> free;  // the most recently released last
  };

  void* add_to(Bucket& bucket) {
    for (Bucket& other : buckets_) free_unused(other);
    void* memory = D::allocate(bucket.bytes);
    owned_.emplace(memory, bucket.bytes);
    bucket.free.reserve(++bucket.blocks);
    total_ += bucket.bytes;
    return memory;
  }
  void free_unused(Bucket& bucket) {
    auto used = bucket.free.begin();
    for (; used != bucket.free.end() && used->step + idle_steps < step_; ++used) {
      owned_.erase(used->memory);
      D::release(used->memory, bucket.bytes);
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
  std::vector<Bucket> buckets_;                   // a model has some tens of sizes: a linear search is as fast as a map
  std::unordered_map<void*, std::size_t> owned_;  // size of each block in bytes
  std::uint64_t step_ = 0;
  std::size_t total_ = 0;
};

}}  // namespace neutra::NEUTRA_ABI
