/// Scalars, which the library computes with, and storage types, which weights may be stored in.
#pragma once

#include "neutra/core/config.hpp"

#include <bit>
#include <concepts>
#include <cstdint>

namespace neutra { inline namespace NEUTRA_ABI {

/// Sizes, strides and indices. Signed, so that differences and descending loops are safe.
using Index = std::int64_t;

/// The target of a token that is not scored: it has no loss and no gradient.
inline constexpr std::int32_t not_scored = -1;

/// The type of arithmetic: float by default, double for gradient checks.
template <class S>
concept Scalar = std::same_as<S, float> || std::same_as<S, double>;

/// The upper half of a float: 8 exponent bits, 7 fraction bits. A storage type: converted on load and store, never
/// computed with.
struct bf16 {
  std::uint16_t bits = 0;

  bf16() = default;
  /// Rounds to nearest, ties to even. NaN stays a (quiet) NaN even if its remaining fraction bits are zero.
  NEUTRA_HD explicit bf16(float value) {
    const auto word = std::bit_cast<std::uint32_t>(value);
    const bool nan = (word & 0x7fffffffu) > 0x7f800000u;
    bits = static_cast<std::uint16_t>((nan ? word | 0x00400000u : word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
  }
  NEUTRA_HD explicit operator float() const { return std::bit_cast<float>(std::uint32_t{bits} << 16); }
  friend bool operator==(bf16, bf16) = default;
};

/// IEEE 754 half precision as a storage type: 5 exponent bits, 10 fraction bits.
struct f16 {
  std::uint16_t bits = 0;

  f16() = default;
  /// Rounds to nearest, ties to even; from 65520 on to infinity.
  NEUTRA_HD explicit f16(float value) {
    const auto word = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (word >> 16) & 0x8000u, magnitude = word & 0x7fffffffu;
    std::uint32_t half = 0x7c00u | (magnitude > 0x7f800000u ? 0x0200u : 0u);
    if (magnitude < 0x38800000u)  // below 2^-14: the sum with 0.5 has the unit 2^-24 of a subnormal
      half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
    else if (magnitude < 0x477ff000u)
      half = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
    bits = static_cast<std::uint16_t>(sign | half);
  }
  NEUTRA_HD explicit operator float() const {
    const std::uint32_t sign = (bits & 0x8000u) << 16, exponent = (bits >> 10) & 0x1fu, fraction = bits & 0x3ffu;
    if (exponent == 0) {  // zero or subnormal: fraction * 2^-24 is exact in float
      const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
      return sign ? -magnitude : magnitude;
    }
    // 112 = 127 - 15, the difference of the exponent biases
    const std::uint32_t widened = exponent == 31 ? 0xffu : exponent + 112u;
    return std::bit_cast<float>(sign | (widened << 23) | (fraction << 13));
  }
  friend bool operator==(f16, f16) = default;
};

/// Any element type in memory: scalars, bf16, f16 and integers.
template <class T>
concept Storage = Scalar<T> || std::integral<T> || std::same_as<T, bf16> || std::same_as<T, f16>;

}}  // namespace neutra::NEUTRA_ABI
