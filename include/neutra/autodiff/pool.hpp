/// Memory of a training step: blocks come back when a value is dead, and every step finds the blocks of the step
/// before.
#pragma once

#include "neutra/core/tensor.hpp"

#include <bit>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// Free lists by size class. A training step asks for the same sizes each time, so after the first nothing is
/// allocated. Blocks that several steps did not use are given back when another size is wanted: a text that grows by a
/// token a step leaves its smaller blocks behind, of every size it had.
template <class D> class Pool {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    for (const auto& [memory, bytes] : owned_) D::release(memory, bytes);
  }

  /// Eight classes to a power of two, at least 64 bytes apart: at most an eighth is wasted, and sizes that differ by
  /// little share blocks.
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
  static constexpr std::uint64_t kept_steps =
      8;  // batches of a few shapes that take turns, and evaluations between them, find their blocks again
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
    owned_.emplace(memory, bucket.bytes);
    bucket.free.reserve(++bucket.blocks);
    total_ += bucket.bytes;
    return memory;
  }
  void give_back_unused(Bucket& bucket) {
    auto used = bucket.free.begin();
    for (; used != bucket.free.end() && used->step + kept_steps < step_; ++used) {
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
  std::vector<Bucket> buckets_;  // a model has some tens of sizes: a search from the front is as quick as a map
  std::unordered_map<void*, std::size_t> owned_;  // blocks and their bytes
  std::uint64_t step_ = 0;
  std::size_t total_ = 0;
};

}}  // namespace neutra::NEUTRA_ABI
