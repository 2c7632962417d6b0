#include "neutra/core/error.hpp"
#include "neutra/core/shape.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

#include <limits>
#include <stdexcept>

using namespace neutra;

TEST_CASE("concat: strings, characters, numbers that read back equal, and types with a to_string") {
  const std::string name = "w";
  CHECK(concat("op: ", name, ' ', std::string_view("is "), 3, ", ", -4L, ", ", true, ", ", Shape{2, 3}) ==
        "op: w is 3, -4, true, (2,3)");
  CHECK(concat() == "");
  CHECK(concat(0.1) == "0.1");
  CHECK(concat(0.1f) == "0.1");
  CHECK(std::stod(concat(1.0 / 3)) == 1.0 / 3);
  CHECK(concat(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(concat(std::numeric_limits<double>::denorm_min()) == "5e-324");
  CHECK(concat(-std::numeric_limits<double>::infinity()) == "-inf");
}

TEST_CASE("require throws only where the rule is broken, fail always, and both are runtime_errors") {
  CHECK_NOTHROW(require(true, "never"));
  CHECK(message([] { require(false, "op: n must be positive, got ", -1); }) == "op: n must be positive, got -1");
  CHECK(message([] { fail("op: ", 7); }) == "op: 7");
  CHECK_THROWS_AS(fail("x"), std::runtime_error);
}
