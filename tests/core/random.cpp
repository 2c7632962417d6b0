// The published test vectors of Philox 4x32-10 (Random123, kat_vectors), and the functions built on it.
#include "neutra/core/random.hpp"

#include "tests/catch.hpp"

#include <set>

using namespace neutra;

TEST_CASE("philox gives the published vectors") {
  CHECK(Philox::block({0, 0, 0, 0}, 0) == std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(Philox::block({~0u, ~0u, ~0u, ~0u}, ~0ull) ==
        std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(Philox::block({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822ull) ==
        std::array<std::uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("seed, purpose, step and element each change the value") {
  const Philox random(1, "weights");
  CHECK(random.bits(0, 0) != Philox(2, "weights").bits(0, 0));
  CHECK(random.bits(0, 0) != Philox(1, "data").bits(0, 0));
  CHECK(random.bits(0, 0) != random.bits(1, 0));
  CHECK(random.bits(0, 0) != random.bits(0, 1));
  CHECK(random.bits(3, 4) == Philox(1, "weights").bits(3, 4));
}

TEST_CASE("normal values have mean 0 and variance 1") {
  const Philox random(7, "normal");
  double sum = 0, square = 0;
  const int count = 100000;
  for (int i = 0; i < count; ++i) {
    const double x = random.normal(0, i);
    sum += x;
    square += x * x;
  }
  CHECK(std::abs(sum / count) < 0.012);  // 4 standard errors
  CHECK(std::abs(square / count - 1) < 0.018);
}

TEST_CASE("a permutation hits every position once and differs from epoch to epoch") {
  const Philox random(3, "order");
  for (const Index size : {1, 2, 3, 17, 64, 1000}) {
    std::set<Index> seen;
    int moved = 0;
    const Permutation first(size, random, 0), second(size, random, 1);
    for (Index i = 0; i < size; ++i) {
      seen.insert(first(i));
      moved += first(i) != second(i);
    }
    CHECK(Index(seen.size()) == size);
    CHECK(*seen.rbegin() == size - 1);
    if (size >= 17) CHECK(moved > size / 2);
  }
  CHECK_THROWS_AS(Permutation(0, random, 0), Error);
}
