/// Detects NaN and infinity by their bits, because -ffast-math lets compilers assume that std::isfinite is true.
#pragma once

#include "neutra/core/scalar.hpp"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstdint>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// A value of a storage type as the narrowest scalar that represents it.
inline float widened(float value) { return value; }
inline double widened(double value) { return value; }
inline float widened(bf16 value) { return static_cast<float>(value); }
inline float widened(f16 value) { return static_cast<float>(value); }

inline bool is_finite(float value) { return (std::bit_cast<std::uint32_t>(value) & 0x7f800000u) != 0x7f800000u; }
inline bool is_finite(double value) {
  return (std::bit_cast<std::uint64_t>(value) & 0x7ff0000000000000u) != 0x7ff0000000000000u;
}
inline bool is_finite(bf16 value) { return (value.bits & 0x7f80u) != 0x7f80u; }
inline bool is_finite(f16 value) { return (value.bits & 0x7c00u) != 0x7c00u; }

/// The index of the first NaN or infinity; `count` if there is none. Integers are always finite.
template <Storage S> Index first_not_finite(const S* values, Index count) {
  if constexpr (!std::integral<S>) {
    // The inner loop has no branch, so that it vectorises.
    for (Index start = 0; start < count; start += 4096) {
      const Index end = std::min<Index>(start + 4096, count);
      unsigned bad = 0;
      for (Index i = start; i < end; ++i) bad |= !is_finite(values[i]);
      if (bad) return std::find_if(values + start, values + end, [](S value) { return !is_finite(value); }) - values;
    }
  }
  return count;
}

}}}  // namespace neutra::NEUTRA_ABI::io
