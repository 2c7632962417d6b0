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
#include <malloc.h>
#include <sys/mman.h>
#endif

namespace neutra::inline NEUTRA_ABI {

/// Plain memory of the host: what a device without memory of its own uses.
struct Host {
  static constexpr std::size_t alignment = 64;         // one cache line, one AVX-512 register
  static constexpr std::size_t huge_page = 2u << 20;   // from here on ask for 2 MiB pages: first touch is about ten times faster
  static constexpr std::size_t page = 64u << 10;       // the largest that a kernel may have
  static constexpr std::size_t given_back = 2 * page;  // smaller blocks are the allocator's to keep, as glibc keeps them at first

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
  static void release(void* memory) noexcept {
#if defined(__GLIBC__)
    // Once a large block has been freed, glibc keeps those that follow, in holes that few others fit into: what is freed here is the system's again.
    const auto begin = reinterpret_cast<std::uintptr_t>(memory), end = begin + malloc_usable_size(memory);
    const auto first = (begin + page - 1) / page * page, last = end / page * page;
    if (last >= first + given_back) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
#endif
    std::free(memory);
  }
  static void copy(const void* from, void* to, std::size_t bytes) { std::memcpy(to, from, bytes); }
};

/// Owning array of a Shape, row-major, zeroed, on device D. Moves; copies only where clone() says so.
/// Shapes beyond the machine's memory are an Error before anything is touched.
template <Storage S, class D = Host> class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(const Shape& shape)
      : shape_(shape), data_(static_cast<S*>(D::allocate(static_cast<std::size_t>(checked_product(shape.size(), sizeof(S), "Tensor"))))) {}

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
    void operator()(S* memory) const noexcept { D::release(memory); }
  };
  Shape shape_;
  std::unique_ptr<S[], Release> data_;
};

}  // namespace neutra::inline NEUTRA_ABI
