#include "neutra/core/scalar.hpp"

#include "tests/catch.hpp"

#include <cmath>
#include <limits>

using namespace neutra;

namespace {

float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }
std::uint16_t rounded(std::uint32_t bits) { return bf16(from_bits(bits)).bits; }

/// Reference rounding: the nearer of the two neighbouring bf16, and the even one on a tie. `x` must be finite.
std::uint16_t nearest(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const auto below = static_cast<std::uint16_t>(bits >> 16), above = static_cast<std::uint16_t>(below + 1);
  const double low = float(bf16{below == 0 ? 0.0f : from_bits(std::uint32_t{below} << 16)}), at = x;
  const double high =
      (above & 0x7fff) == 0x7f80 ? std::copysign(0x1p128, low) : double(from_bits(std::uint32_t{above} << 16));
  const double down = std::abs(at - low), up = std::abs(high - at);
  return down < up ? below : up < down ? above : below & 1 ? above : below;
}

}  // namespace

TEST_CASE("bf16: to the nearest, ties to even, up to infinity") {
  CHECK(rounded(0x3f800000) == 0x3f80);
  CHECK(rounded(0x3f808000) == 0x3f80);  // tie: the even one is below
  CHECK(rounded(0x3f818000) == 0x3f82);  // tie: the even one is above
  CHECK(rounded(0x3f807fff) == 0x3f80);
  CHECK(rounded(0x3f808001) == 0x3f81);
  CHECK(rounded(0xbf818000) == 0xbf82);
  CHECK(rounded(0x7f7fffff) == 0x7f80);  // the largest float rounds to infinity
  CHECK(rounded(0x7f7f7fff) == 0x7f7f);
  CHECK(rounded(0x00000001) == 0x0000);
  CHECK(rounded(0x80000000) == 0x8000);
  CHECK(rounded(0x7f800000) == 0x7f80);
  CHECK(rounded(0xff800000) == 0xff80);
  std::uint32_t wrong = 0;
  for (std::uint64_t bits = 0; bits < 0x7f800000u; bits += 40503) {
    wrong += rounded(static_cast<std::uint32_t>(bits)) != nearest(from_bits(static_cast<std::uint32_t>(bits)));
    wrong += rounded(static_cast<std::uint32_t>(bits) | 0x80000000u) !=
             (nearest(from_bits(static_cast<std::uint32_t>(bits))) | 0x8000u);
  }
  CHECK(wrong == 0);
}

TEST_CASE("bf16: NaN stays NaN, whichever fraction bits it has") {
  for (const std::uint32_t bits : {0x7f800001u, 0x7fc00000u, 0x7fffffffu, 0xff800001u, 0xffffffffu, 0x7f80ffffu})
    CHECK(std::isnan(float(bf16(from_bits(bits)))));
}

TEST_CASE("bf16: every value reads back from float as itself") {
  std::uint32_t wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const bf16 value = std::bit_cast<bf16>(static_cast<std::uint16_t>(bits));
    if (!std::isnan(float(value))) wrong += !(bf16(float(value)) == value);
  }
  CHECK(wrong == 0);
}

TEST_CASE("f16: every value is sign times fraction times a power of two") {
  std::uint32_t wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    f16 half;
    half.bits = static_cast<std::uint16_t>(bits);
    const int exponent = static_cast<int>(bits >> 10) & 31, fraction = static_cast<int>(bits) & 1023;
    const double sign = bits & 0x8000 ? -1 : 1;
    const float value = float(half);
    if (exponent == 31)
      wrong += fraction ? !std::isnan(value) : value != sign * std::numeric_limits<double>::infinity();
    else
      wrong += value != sign * (exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24));
    wrong += std::signbit(value) != (sign < 0);
  }
  CHECK(wrong == 0);
  f16 tiny, largest;
  tiny.bits = 1;
  largest.bits = 0x7bff;
  CHECK(float(tiny) == 0x1p-24f);
  CHECK(float(largest) == 65504.0f);
}

TEST_CASE("scalars are computed with, storage types only stored") {
  static_assert(Scalar<float> && Scalar<double> && !Scalar<bf16> && !Scalar<int> && !Scalar<long double>);
  static_assert(Storage<bf16> && Storage<f16> && Storage<std::int8_t> && Storage<float> && !Storage<void*>);
  static_assert(sizeof(bf16) == 2 && sizeof(f16) == 2);
}
