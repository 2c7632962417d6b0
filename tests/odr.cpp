// A second translation unit that includes everything: a function without `inline` is then defined twice, and the tests
// do not link.
#if __has_include("neutra/all.hpp")
#include "neutra/all.hpp"
#else
#include "neutra/core/random.hpp"
#include "neutra/core/tensor.hpp"
#include "neutra/core/types.hpp"
#endif

#include "tests/catch.hpp"

TEST_CASE("a second file that includes everything links, and works alike") {
  CHECK(neutra::Philox::block({0, 0, 0, 0}, 0)[0] == 0x6627e8d5);
}
