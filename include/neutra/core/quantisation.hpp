/// Formats of quantised weights: blocks of small integers that share a scale.
///
/// A weight W (O,I) is cut into blocks of 32 neighbouring inputs of one output. A block has a scale d in half precision
/// and an integer for each number:
///     w ~ d q,   q = floor(w / d + 1/2), limited to least .. most
/// d q is exact in float, and quantising it again changes nothing. A format is a struct, named in Quantisation::Formats
/// and nowhere else:
///     name          "int8", ...
///     bits          of q, in two's complement: 4 or 8
///     least, most   the range of q
///     scale(m)      d before it is rounded, of a block whose number of largest magnitude is m
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/nearest.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/core/types.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// The inputs that share a scale.
inline constexpr Index block_inputs = 32;

/// |w - d q| <= d / 2 with d = max |w| / 127: the numbers of Q8_0 in ggml.
struct Int8 {
  static constexpr std::string_view name = "int8";
  static constexpr int bits = 8, least = -127, most = 127;
  static float scale(float largest) { return std::abs(largest) / 127; }
};

/// |w - d q| <= |d| / 2, or |d| near 8 d, which has no q; d = m / -8: the numbers of Q4_0 in ggml.
struct Q4 {
  static constexpr std::string_view name = "q4";
  static constexpr int bits = 4, least = -8, most = 7;
  static float scale(float largest) { return largest / -8; }
};

/// How frozen projections are held: quantised in a format, or not at all, which is the default.
class Quantisation {
 public:
  using Formats = Types<Int8, Q4>;

  Quantisation() = default;
  /// The format of that name, or none for "none". Error: there is none of this name.
  explicit Quantisation(std::string_view name) {
    const auto known = names();
    const auto found = std::find(known.begin(), known.end(), name);
    require(found != known.end(), "quantisation must be ", listed(known, " or "), ", got '", name, "'",
            suggestion(name, known));
    place_ = static_cast<int>(found - known.begin()) - 1;
  }

  /// "none" first.
  static std::vector<std::string> names() {
    std::vector<std::string> all = {"none"};
    for_each_type(Formats{}, [&]<class Q>() { all.emplace_back(Q::name); });
    return all;
  }

  explicit operator bool() const { return place_ >= 0; }
  friend bool operator==(const Quantisation&, const Quantisation&) = default;
  friend std::string to_string(Quantisation format) { return names()[static_cast<std::size_t>(format.place_ + 1)]; }

  /// Calls f.template operator()<Q>() with the format Q; does nothing if there is none.
  template <class F> void visit(const F& f) const {
    int place = 0;
    for_each_type(Formats{}, [&]<class Q>() {
      if (place++ == place_) f.template operator()<Q>();
    });
  }

 private:
  int place_ = -1;  // in Formats
};

/// Quantises a block of `count` numbers into q. Returns its scale.
/// Error: NaN, infinity, or numbers whose scale is beyond half precision.
template <class Q, Scalar S> f16 quantise(const S* numbers, Index count, std::int8_t* q) {
  float largest = 0;
  bool finite = true;
  for (Index i = 0; i < count; ++i) {
    const auto x = static_cast<float>(numbers[i]);
    finite = finite && std::isfinite(x);
    largest = std::abs(x) > std::abs(largest) ? x : largest;
  }
  const f16 scale(Q::scale(largest));
  const auto d = static_cast<float>(scale);
  if (!finite || !std::isfinite(d))
    fail(Q::name, ": weights must be finite, with a scale below 65520, got ",
         finite ? concat("a block that reaches ", largest) : std::string("NaN or infinity"),
         "; leave this model unquantised");
  for (Index i = 0; i < count; ++i) {
    const float steps = d == 0 ? 0.0f : static_cast<float>(numbers[i]) / d;
    const int nearest = static_cast<int>(std::floor(steps + 0.5f));
    q[i] = static_cast<std::int8_t>(std::clamp(nearest, Q::least, Q::most));
  }
  return scale;
}

/// The number that a scale and q stand for.
inline float dequantised(f16 scale, std::int8_t q) { return static_cast<float>(scale) * static_cast<float>(q); }

}}  // namespace neutra::NEUTRA_ABI
