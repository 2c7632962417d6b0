/// Where texts lie: on the heap, or in memory that a program provides.
#pragma once

#include "neutra/core/config.hpp"

#include <cstddef>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Memory for texts; null: the heap.
using TextMemory = std::shared_ptr<std::pmr::memory_resource>;

/// Allocates from the memory it holds. Unlike std::pmr::polymorphic_allocator, it moves with what is moved, so that a
/// text stays where it is.
template <class T> struct TextAllocator {
  using value_type = T;
  using propagate_on_container_move_assignment = std::true_type;
  using propagate_on_container_swap = std::true_type;

  TextAllocator() = default;
  explicit TextAllocator(TextMemory from) : memory(std::move(from)) {}
  template <class U> TextAllocator(const TextAllocator<U>& other) : memory(other.memory) {}

  T* allocate(std::size_t count) {
    return memory ? static_cast<T*>(memory->allocate(count * sizeof(T), alignof(T)))
                  : std::allocator<T>().allocate(count);
  }
  void deallocate(T* at, std::size_t count) {
    memory ? memory->deallocate(at, count * sizeof(T), alignof(T)) : std::allocator<T>().deallocate(at, count);
  }
  friend bool operator==(const TextAllocator&, const TextAllocator&) = default;

  TextMemory memory;
};

/// The bytes of a text.
using TextBytes = std::basic_string<char, std::char_traits<char>, TextAllocator<char>>;

/// Of a text and any other string; those of one type have the standard's.
inline bool operator==(const TextBytes& a, std::string_view b) { return std::string_view(a) == b; }

}}}  // namespace neutra::NEUTRA_ABI::data
