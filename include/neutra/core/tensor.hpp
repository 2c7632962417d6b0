/// Owning arrays: row-major, 64-byte aligned.
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

namespace neutra { inline namespace NEUTRA_ABI {

/// Memory of the host, for devices without memory of their own. Large blocks are mmapped and returned to the system at
/// once: an allocator would keep them after free, fragmented.
struct Host {
  static constexpr std::size_t alignment = 64;  // one cache line, one AVX-512 register
  // First touch is about ten times faster with 2 MiB pages.
  static constexpr std::size_t huge_page = 2u << 20;
  // From this size on, the cost of mmap is small beside the first use of the block.
  static constexpr std::size_t mapped_from = 256 << 10;

  /// Zeroed memory. Error: out of memory.
  static void* allocate(std::size_t bytes) {
    void* memory = is_mapped(bytes) ? map(bytes) : from_heap(bytes);
    require(memory != nullptr, "out of memory: asked for ", bytes, " bytes; use a smaller batch, model or sequence");
    return memory;
  }
  /// bytes: the size that was passed to allocate.
  static void release(void* memory, std::size_t bytes) noexcept {
    if (is_mapped(bytes))
      unmap(memory, whole_pages(bytes));
    else
      std::free(memory);
  }
  static void copy(const void* from, void* to, std::size_t bytes) { std::memcpy(to, from, bytes); }

 private:
  static std::size_t whole_pages(std::size_t bytes) {
    constexpr std::size_t page = 64 << 10;  // the largest page size of Linux
    return (bytes + page - 1) / page * page;
  }
  static void* from_heap(std::size_t bytes) noexcept {
    void* memory = nullptr;
    if (posix_memalign(&memory, alignment, std::max<std::size_t>(bytes, 1)) != 0) return nullptr;
    return std::memset(memory, 0, bytes);
  }
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
  static bool is_mapped(std::size_t bytes) { return bytes >= mapped_from; }
  /// Null if there is no memory.
  static void* map(std::size_t bytes) noexcept {
    const std::size_t whole = whole_pages(bytes), more = bytes >= huge_page ? huge_page : 0;
    if (whole + more < bytes) return nullptr;
    void* memory = mmap(nullptr, whole + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    if (more == 0) return memory;
    auto* const first = static_cast<std::byte*>(memory);
    const std::size_t before = (huge_page - reinterpret_cast<std::uintptr_t>(first) % huge_page) % huge_page;
    unmap(first, before);
    unmap(first + before + whole, more - before);
    // The tail stays in small pages: a huge page would take 2 MiB for a few bytes.
    madvise(first + before, bytes / huge_page * huge_page, MADV_HUGEPAGE);
    return first + before;
  }
  static void unmap(void* memory, std::size_t bytes) noexcept {
    if (bytes > 0) munmap(memory, bytes);
  }
#else
  static bool is_mapped(std::size_t) { return false; }
  static void* map(std::size_t) noexcept { return nullptr; }
  static void unmap(void*, std::size_t) noexcept {}
#endif
};

namespace detail {
/// A temporary dies before its view.
template <class Result> Result view_of_temporary() {
  static_assert(sizeof(Result) == 0,
                "neutra: a view of a temporary Tensor would outlive it; give the Tensor a name first, and keep it "
                "until the step is over");
  return {};
}
}  // namespace detail

/// Owning array of a Shape on device D: row-major, zeroed. Move-only; clone() copies.
/// Error: a shape larger than the machine's memory.
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
  View<S> view() & { return {data_.get(), shape_}; }
  View<const S> view() const& { return {data_.get(), shape_}; }
  View<S> view() && { return detail::view_of_temporary<View<S>>(); }
  View<const S> view() const&& { return detail::view_of_temporary<View<const S>>(); }
  /// Also for a temporary: an argument lives as long as its call.
  operator View<S>() { return {data_.get(), shape_}; }
  operator View<const S>() const { return {data_.get(), shape_}; }

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

}}  // namespace neutra::NEUTRA_ABI
