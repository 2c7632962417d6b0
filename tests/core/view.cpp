#include "neutra/core/view.hpp"

#include "tests/catch.hpp"

#include <numeric>
#include <vector>

using namespace neutra;

TEST_CASE("view: rows, elements and slices respect the stride") {
  std::vector<int> numbers(24);
  std::iota(numbers.begin(), numbers.end(), 0);
  const View<int> whole(numbers.data(), Shape{2, 3, 4});
  CHECK(whole.stride == 4);
  CHECK(whole.rows() == 6);
  CHECK(whole(5, 3) == 23);
  const View<int> part(numbers.data() + 1, Shape{3, 2}, 8);
  CHECK(part(2, 1) == 18);
  CHECK(part.row(1) == numbers.data() + 9);
  const View<int> slice = part.slice(1, 2);
  CHECK(slice.shape == Shape{2, 2});
  CHECK(slice.stride == 8);
  CHECK(slice(1, 0) == 17);
  slice(0, 0) = -1;
  CHECK(numbers[9] == -1);
  const View<const int> read = part;
  CHECK(read.data == part.data);
  CHECK(read.stride == 8);
  CHECK(part.slice(3, 0).size() == 0);
  const View<int> columns = whole.columns(1, 2);
  CHECK(columns.shape == Shape{6, 2});
  CHECK(columns.stride == 4);
  CHECK(&columns(5, 1) == &whole(5, 2));
  static_assert(!std::is_convertible_v<View<const int>, View<int>>);
}

TEST_CASE("into: false where no gradient is wanted, true for one of no elements") {
  float number = 0;
  CHECK_FALSE(bool(Into<float>{}));
  CHECK(bool(Into<float>{View<float>(&number, Shape{})}));
  CHECK(bool(Into<float>{View<float>(nullptr, Shape{0, 3})}));
}
