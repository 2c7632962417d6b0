/// Backward closures, and the memory that holds their captures.
#pragma once

#include "neutra/core/error.hpp"

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// A bump allocator for trivially copyable objects; its blocks are reused from step to step.
class Arena {
 public:
  template <class T> const T* keep(const T& thing) { return new (place(sizeof(T), alignof(T))) T(thing); }
  void clear() { block_ = offset_ = 0; }

 private:
  void* place(std::size_t bytes, std::size_t align) {
    offset_ = (offset_ + align - 1) / align * align;
    if (block_ == blocks_.size() || offset_ + bytes > block_bytes) {
      require(bytes <= block_bytes, "Arena: a closure of ", bytes, " bytes is larger than the limit of ", block_bytes,
              "; capture handles, and store the data on the tape");
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

/// A type-erased function of a tape, whose captures are stored in an Arena.
template <class Tape> class Closure {
 public:
  Closure() = default;
  template <class F>
  Closure(Arena& arena, const F& f)
      : captured_(arena.keep(f)),
        call_([](const void* captured, Tape& tape) { (*static_cast<const F*>(captured))(tape); }) {
    static_assert(std::is_trivially_copyable_v<F>,
                  "neutra: a closure on the tape must be trivially copyable; capture handles and numbers, nothing that "
                  "owns memory");
  }
  void operator()(Tape& tape) const { call_(captured_, tape); }

 private:
  const void* captured_ = nullptr;
  void (*call_)(const void*, Tape&) = nullptr;
};

}}  // namespace neutra::NEUTRA_ABI
