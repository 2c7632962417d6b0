/// A small value whose type only its creator knows.
#pragma once

#include "neutra/core/config.hpp"

#include <cstddef>
#include <new>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI {

/// Holds a policy for plain functions that know its type:   Held held(gate); f(held), which calls held.as<Gate>().
/// Policies are plain values, so that copies are byte copies. It allocates nothing, and costs a compiler next to
/// nothing per policy.
class Held {
 public:
  Held() = default;
  template <class P>
  requires(!std::is_same_v<P, Held>) explicit Held(const P& policy) {
    static_assert(std::is_trivially_copyable_v<P>, "neutra: only plain values are held");
    static_assert(sizeof(P) <= capacity && alignof(P) <= alignof(std::max_align_t),
                  "neutra: this policy is too large; its options may take 256 bytes");
    new (bytes_) P(policy);
  }
  /// The policy; P must be its type.
  template <class P> const P& as() const { return *std::launder(reinterpret_cast<const P*>(bytes_)); }

 private:
  static constexpr std::size_t capacity = 256;
  alignas(std::max_align_t) std::byte bytes_[capacity] = {};
};

}}  // namespace neutra::NEUTRA_ABI
