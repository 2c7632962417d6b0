// Formats of quantised weights: their error, that quantising twice changes nothing, and what they refuse.
#include "neutra/core/quantisation.hpp"
#include "neutra/core/random.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

#include <array>
#include <limits>

using namespace neutra;

namespace {

using Block = std::array<float, block_inputs>;

template <class Q> Block again(const Block& numbers, f16& scale) {
  std::array<std::int8_t, block_inputs> q{};
  scale = quantise<Q>(numbers.data(), block_inputs, q.data());
  Block found{};
  for (std::size_t i = 0; i < found.size(); ++i) found[i] = dequantised(scale, q[i]);
  return found;
}

Block drawn(std::uint64_t block, float size) {
  const Philox random(3, "block");
  Block numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = size * static_cast<float>(random.normal(block, i));
  return numbers;
}

/// Fails unless every number is within `steps` scales of itself.
/// Half precision changes a scale of normal size by a factor of at most 1 + 2^-11, so that the ends, 127 d and -8 d,
/// lie within 1/2 of the last code, except that q4 has none for +8: steps = 8 (1 + 2^-10) - 7. The sum that is rounded
/// down to a code has an error of 2^-16 steps at most.
template <class Q> void check_error(float steps_at_the_end) {
  for (std::uint64_t block = 0; block < 200; ++block)
    for (const float size : {0.02f, 1.0f, 1000.0f}) {
      const Block numbers = drawn(block, size);
      f16 scale;
      const Block found = again<Q>(numbers, scale);
      const float d = std::abs(static_cast<float>(scale));
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        const bool at_the_end = found[i] / static_cast<float>(scale) == static_cast<float>(Q::most);
        CHECK(std::abs(found[i] - numbers[i]) <= d * (at_the_end ? steps_at_the_end : 0.5f + 0x1p-15f));
      }
      f16 same;
      CHECK(again<Q>(found, same) == found);
      CHECK(same == scale);
    }
}

}  // namespace

TEST_CASE("quantisation: a number is off by half a step at most, and quantising again changes nothing") {
  SECTION("int8") { check_error<Int8>(0.5f + 0x1p-15f); }
  SECTION("q4") { check_error<Q4>(8 * (1 + 0x1p-10f) - 7); }
}

TEST_CASE("quantisation: the numbers of ggml's Q8_0 and Q4_0 are kept to the bit") {
  const f16 scale(0.0123f);
  const auto d = static_cast<float>(scale);
  Block of_q8{}, of_q4{};
  for (std::size_t i = 0; i < of_q8.size(); ++i) {
    of_q8[i] = d * static_cast<float>(static_cast<int>(i) * 8 - 121);  // up to 127
    of_q4[i] = d * static_cast<float>(static_cast<int>(i) % 16 - 8);
  }
  f16 found;
  CHECK(again<Int8>(of_q8, found) == of_q8);
  CHECK(found == scale);
  CHECK(again<Q4>(of_q4, found) == of_q4);
  CHECK(found == scale);
}

TEST_CASE("quantisation: a block of zeros stays zero, and tiny numbers become zero") {
  f16 scale;
  for (const float tiny : {0.0f, 1e-9f}) {
    Block numbers{};
    numbers.fill(tiny);
    CHECK(again<Int8>(numbers, scale) == Block{});
    CHECK(again<Q4>(numbers, scale) == Block{});
  }
}

TEST_CASE("quantisation: numbers that have no scale are refused") {
  f16 scale;
  Block numbers{};
  numbers[3] = 1e7f;
  CHECK(message([&] { again<Int8>(numbers, scale); }) ==
        "int8: weights must be finite, with a scale below 65520, got a block that reaches 1e+07; leave this model "
        "unquantised");
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    numbers[3] = bad;
    CHECK(message([&] { again<Q4>(numbers, scale); }) ==
          "q4: weights must be finite, with a scale below 65520, got NaN or infinity; leave this model unquantised");
  }
}

TEST_CASE("quantisation: formats by name") {
  CHECK(Quantisation::names() == std::vector<std::string>{"none", "int8", "q4"});
  for (const auto& name : Quantisation::names()) {
    CHECK(to_string(Quantisation(name)) == name);
    CHECK(static_cast<bool>(Quantisation(name)) == (name != "none"));
  }
  CHECK(Quantisation() == Quantisation("none"));
  CHECK(message([] { Quantisation("int4"); }) ==
        "quantisation must be none or int8 or q4, got 'int4' (did you mean 'int8'?)");
}
