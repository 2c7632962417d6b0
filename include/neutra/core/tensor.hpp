/// Owning, row-major, 64-byte aligned numbers.
#pragma once

#include "neutra/core/view.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace neutra::inline NEUTRA_ABI {

/// Plain memory of the host: what a device without memory of its own uses.
struct Host {
  static constexpr std::size_t alignment = 64;        // one cache line, one AVX-512 register
  static constexpr std::size_t huge_page = 2u << 20;  // from here on ask for 2 MiB pages: first touch is about ten times faster

  /// Zeroed memory. Error: none is left.
  static void* allocate(std::size_t bytes) {
    const bool huge = bytes >= huge_page;
    void* memory = nullptr;
    const bool failed = posix_memalign(&memory, huge ? huge_page : alignment, std::max<std::size_t>(bytes, 1)) != 0;
    require(!failed, "out of memory: asked for ", bytes, " bytes; use a smaller batch, model or sequence");
#if defined(__linux__)
    if (huge) madvise(memory, bytes / huge_page * huge_page, MADV_HUGEPAGE);  // not what is left of it: up to 2 MiB for a few bytes
#endif
    std::memset(memory, 0, bytes);
    return memory;
  }
  /// bytes: as many as were asked for.
  static void release(void* memory, std::size_t bytes) noexcept {
    if (bytes >= given_back) give_back(static_cast<std::byte*>(memory), bytes);
    std::free(memory);
  }
  static void copy(const void* from, void* to, std::size_t bytes) { std::memcpy(to, from, bytes); }

 private:
  static constexpr std::size_t page = 64u << 10;       // the largest that a kernel may have
  static constexpr std::size_t given_back = 4 * page;  // smaller blocks are the allocator's to keep

  /// Whole pages of a block that is about to be freed become the system's again: an allocator may keep it, in a hole that few others fit into, as
  /// glibc does with blocks below 32 MiB once it has seen one freed.
  static void give_back([[maybe_unused]] std::byte* memory, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(__linux__)
    const auto begin = reinterpret_cast<std::uintptr_t>(memory);
    std::uintptr_t first = (begin + page - 1) / page * page;
    if (first % huge_page == 0) first += page;  // explicit huge pages refuse it then; some kernels would round the end up, into another block
    const std::uintptr_t last = (begin + bytes) / page * page;
    madvise(memory + (first - begin), last - first, MADV_DONTNEED);
#endif
  }
};

/// Owning array of a Shape, row-major, zeroed, on device D. Moves; copies only where clone() says so.
/// Shapes beyond the machine's memory are an Error before anything is touched.
template <Storage S, class D = Host> class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(const Shape& shape)
      : shape_(shape), data_(allocate(static_cast<std::size_t>(checked_product(shape.size(), sizeof(S), "Tensor")))) {}

  const Shape& shape() const { return shape_; }
  Index size() const { return data_ ? shape_.size() : 0; }
  bool empty() const { return size() == 0; }
  S* data() { return data_.get(); }
  const S* data() const { return data_.get(); }
  View<S> view() { return {data_.get(), shape_}; }
  View<const S> view() const { return {data_.get(), shape_}; }
  operator View<S>() { return view(); }
  operator View<const S>() const { return view(); }

  Tensor clone() const {
    if (!data_) return {};
    Tensor twin(shape_);
    D::copy(data(), twin.data(), static_cast<std::size_t>(shape_.size()) * sizeof(S));
    return twin;
  }

 private:
  struct Release {
    std::size_t bytes = 0;
    void operator()(S* memory) const noexcept { D::release(memory, bytes); }
  };
  using Memory = std::unique_ptr<S[], Release>;
  static Memory allocate(std::size_t bytes) { return {static_cast<S*>(D::allocate(bytes)), Release{bytes}}; }

  Shape shape_;
  Memory data_;
};

}  // namespace neutra::inline NEUTRA_ABI
