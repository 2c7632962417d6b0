/// Counter-based random numbers: a value depends on (seed, purpose, step, element) and on nothing else. A run can
/// therefore resume at any step, and every thread count and device draws the same values.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI {

/// Philox 4x32-10.      Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"
/// key = (seed, purpose or parameter name), counter = (step, element). Four words of 32 bits per counter.
class Philox {
 public:
  Philox(std::uint64_t seed, std::string_view purpose) {
    std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a, 64 bit
    for (const char c : purpose) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    key_ = mix(hash ^ mix(seed));
  }

  std::array<std::uint32_t, 4> words(std::uint64_t step, std::uint64_t element) const {
    return block({static_cast<std::uint32_t>(element), static_cast<std::uint32_t>(element >> 32),
                  static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(step >> 32)},
                 key_);
  }

  std::uint64_t bits(std::uint64_t step, std::uint64_t element) const {
    const auto w = words(step, element);
    return std::uint64_t{w[0]} << 32 | w[1];
  }

  /// Uniform in [0, 1) with 53 random bits.
  double uniform(std::uint64_t step, std::uint64_t element) const {
    return static_cast<double>(bits(step, element) >> 11) * 0x1p-53;
  }

  /// Normal with mean 0 and variance 1.      Box & Muller 1958
  double normal(std::uint64_t step, std::uint64_t element) const {
    const auto w = words(step, element);
    const double u = (static_cast<double>((std::uint64_t{w[0]} << 32 | w[1]) >> 11) + 0.5) * 0x1p-53;  // never 0
    const double v = static_cast<double>((std::uint64_t{w[2]} << 32 | w[3]) >> 11) * 0x1p-53;
    return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
  }

  /// The block function itself, for the published test vectors.
  static std::array<std::uint32_t, 4> block(std::array<std::uint32_t, 4> c, std::uint64_t key) {
    auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t a = std::uint64_t{0xd2511f53u} * c[0], b = std::uint64_t{0xcd9e8d57u} * c[2];
      c = {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(b),
           static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(a)};
      k0 += 0x9e3779b9u;
      k1 += 0xbb67ae85u;
    }
    return c;
  }

 private:
  static std::uint64_t mix(std::uint64_t x) {  // the finaliser of SplitMix64
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }
  std::uint64_t key_ = 0;
};

/// A keyed permutation of 0 .. size-1 that can be evaluated at one point: epoch e of a data set is Permutation(size,
/// random, e). A four-round Feistel network on the next even power of two,
/// iterated until the value is in range (cycle walking).
class Permutation {
 public:
  Permutation(Index size, const Philox& random, std::uint64_t epoch) : size_(size), random_(random), epoch_(epoch) {
    require(size > 0, "Permutation: size must be positive, got ", size);
    while ((Index{1} << (2 * half_bits_)) < size) ++half_bits_;
  }

  Index operator()(Index position) const {
    NEUTRA_ASSERT(position >= 0 && position < size_);
    do position = shuffle(position);
    while (position >= size_);
    return position;
  }

 private:
  Index shuffle(Index position) const {
    const Index mask = (Index{1} << half_bits_) - 1;
    Index left = position >> half_bits_, right = position & mask;
    for (std::uint64_t round = 0; round < 4; ++round) {
      const Index mixed =
          static_cast<Index>(random_.words(epoch_, round << 32 | static_cast<std::uint64_t>(right))[0]) & mask;
      left = std::exchange(right, left ^ mixed);
    }
    return left << half_bits_ | right;
  }
  Index size_;
  Philox random_;
  std::uint64_t epoch_;
  int half_bits_ = 1;
};

}}  // namespace neutra::NEUTRA_ABI
