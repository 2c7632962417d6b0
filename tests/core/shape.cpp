#include "neutra/core/shape.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

#include <limits>

using namespace neutra;

TEST_CASE("shape: sizes, rows by columns, and text") {
  const Shape number, row{5}, cube{2, 3, 4}, four{2, 3, 4, 5}, none{3, 0, 4};
  CHECK((number.rank() == 0 && number.size() == 1 && number.rows() == 1 && number.cols() == 1));
  CHECK((row.rank() == 1 && row.size() == 5 && row.rows() == 1 && row.cols() == 5));
  CHECK((cube.rank() == 3 && cube.size() == 24 && cube.rows() == 6 && cube.cols() == 4 && cube[1] == 3));
  CHECK((four.size() == 120 && four.rows() == 24 && four.cols() == 5));
  CHECK((none.size() == 0 && none.rows() == 0 && none.cols() == 4));
  CHECK(to_string(number) == "()");
  CHECK(to_string(row) == "(5)");
  CHECK(to_string(four) == "(2,3,4,5)");
}

TEST_CASE("shape: equality sees rank and every size") {
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK_FALSE(Shape{2, 3} == Shape{3, 2});
  CHECK_FALSE(Shape{2, 3} == Shape{2, 3, 1});
  CHECK_FALSE(Shape{1} == Shape{});
  CHECK_FALSE(Shape{0, 3} == Shape{0, 4});
}

TEST_CASE("shape: too many axes, negative sizes and products beyond the machine are an Error") {
  const Index huge = std::numeric_limits<Index>::max();
  CHECK(message([] { Shape{1, 2, 3, 4, 5}; }) == "Shape: at most 4 axes, got 5");
  CHECK(message([] { Shape{3, -1}; }) == "Shape: sizes must not be negative, got 3 and -1");
  CHECK(message([] {
          Shape{Index{1} << 40, Index{1} << 40};
        }) == "Shape: 1099511627776 x 1099511627776 elements are more than a machine can address");
  CHECK_THROWS_AS((Shape{huge, 2}), Error);
  CHECK_THROWS_AS((Shape{2, huge}), Error);
  CHECK_THROWS_AS((Shape{huge}), Error);
  CHECK_NOTHROW(Shape{Index{1} << 31, Index{1} << 31});
}

TEST_CASE("checked_product: the limit is 2^62") {
  const Index half = Index{1} << 31;
  CHECK(checked_product(half, half, "x") == Index{1} << 62);
  CHECK(checked_product(0, std::numeric_limits<Index>::max(), "x") == 0);
  CHECK(checked_product(std::numeric_limits<Index>::max(), 0, "x") == 0);
  CHECK_THROWS_AS(checked_product(half, half + 1, "x"), Error);
  CHECK_THROWS_AS(checked_product(std::numeric_limits<Index>::max(), std::numeric_limits<Index>::max(), "x"), Error);
  CHECK_THROWS_AS(checked_product(std::numeric_limits<Index>::min(), 2, "x"), Error);
  CHECK(message([] { checked_product(-1, 2, "tokens"); }) == "tokens: sizes must not be negative, got -1 and 2");
}
