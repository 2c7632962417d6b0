#include "neutra/core/xtensor.hpp"

#include "neutra/core/tensor.hpp"

#if __has_include(<xtensor/xarray.hpp>)
#include <xtensor/xarray.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>
#else
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xtensor.hpp>
#include <xtensor/core/xmath.hpp>
#include <xtensor/views/xview.hpp>
#endif

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"
#include "tests/core/counting.hpp"

using namespace neutra;

TEST_CASE("xtensor: an adaptor of a tensor makes no copy and can be written through") {
  Tensor<float> t = counting<float>({2, 3, 4});
  auto x = as_xtensor(t.view());
  CHECK(x.data() == t.data());
  CHECK(x.dimension() == 3);
  CHECK(x.shape()[2] == 4);
  CHECK(x(1, 2, 3) == 23);
  x(1, 0, 2) = -1;
  CHECK(t.data()[14] == -1);
  t.data()[5] = 99;
  CHECK(x(0, 1, 1) == 99);
  const auto read_only = as_xtensor(std::as_const(t).view());
  static_assert(std::is_const_v<std::remove_reference_t<decltype(read_only(0, 0, 0))>>);
  CHECK(xt::sum(read_only)() == xt::sum(x)());
}

TEST_CASE("xtensor: rows that are part of wider rows, single numbers and nothing at all") {
  Tensor<float> t = counting<float>({3, 8});
  const View<float> part(t.data() + 2, Shape{3, 4}, 8);
  auto x = as_xtensor(part);
  CHECK(x(2, 1) == 19);
  assign(part, xt::zeros<float>({3, 4}));
  CHECK(t.data()[1] == 1);
  CHECK(t.data()[2] == 0);
  CHECK(t.data()[21] == 0);
  CHECK(t.data()[22] == 22);
  auto deep = as_xtensor(View<float>(t.data(), Shape{3, 2, 1}, 4));  // six rows of one element, with stride 4
  CHECK(deep(2, 1, 0) == t.data()[20]);
  Tensor<float> number(Shape{}), none({0, 4});
  as_xtensor(number.view())() = 5;
  CHECK(*number.data() == 5);
  CHECK(as_xtensor(none.view()).size() == 0);
}

TEST_CASE("xtensor: a view of an array makes no copy and can be written through") {
  xt::xarray<double> array = xt::arange<double>(0, 24).reshape({2, 3, 4});
  const View<double> view = as_view(array);
  CHECK(view.data == array.data());
  CHECK(view.shape == Shape{2, 3, 4});
  CHECK(view(5, 3) == 23);
  view(4, 1) = -7;
  CHECK(array(1, 1, 1) == -7);
  const xt::xtensor<double, 2> fixed = xt::ones<double>({1, 5});  // xtensor's stride of a single row is 0
  const View<const double> row = as_view(fixed);
  CHECK(row.data == fixed.data());
  CHECK(row.stride == 5);
  xt::xtensor<double, 2> wide = xt::ones<double>({4, 6});
  auto part = xt::view(wide, xt::range(1, 3), xt::range(2, 6));
  const View<double> window = as_view(part);
  CHECK(window.data == &wide(1, 2));
  CHECK(window.shape == Shape{2, 4});
  CHECK(window.stride == 6);
  auto there_and_back = as_xtensor(view);
  CHECK(as_view(there_and_back).data == array.data());
}

TEST_CASE("xtensor: other orders and too many axes are an Error") {
  xt::xarray<float, xt::layout_type::column_major> columns = xt::ones<float>({3, 4});
  CHECK(message([&] { as_view(columns); }) ==
        "as_view: needs row-major order with contiguous rows, got a (3,4) with other strides; copy it to a row-major "
        "array first");
  xt::xtensor<float, 3> cube = xt::ones<float>({4, 4, 4});
  auto gaps = xt::view(cube, xt::all(), xt::range(0, 2), xt::all());  // rows of 4, but a gap after every second one
  CHECK_THROWS_AS(as_view(gaps), Error);
  auto every_second = xt::view(cube, 0, xt::all(), xt::range(0, 4, 2));
  CHECK_THROWS_AS(as_view(every_second), Error);
  xt::xarray<float> deep = xt::ones<float>({1, 1, 1, 1, 2});
  CHECK(message([&] { as_view(deep); }) == "as_view: at most 4 axes, got 5");
}

TEST_CASE("xtensor: an expression fills a view in place, shapes that differ are an Error and nothing is written") {
  Tensor<float> t = counting<float>({3, 8});
  const View<float> part(t.data(), Shape{3, 4}, 8);
  const xt::xtensor<float, 2> a = xt::ones<float>({3, 4});
  const float* before = t.data();
  assign(part, 2.0f * a + 1.0f);
  CHECK(t.data() == before);
  CHECK(part(2, 3) == 3);
  CHECK(t.data()[4] == 4);
  CHECK(t.data()[23] == 23);
  const xt::xtensor<float, 1> row = xt::ones<float>({4});
  CHECK(message([&] { assign(part, row * 5.0f); }) ==
        "assign: the view is (3,4), the expression (4); shapes must be equal");
  CHECK(part(2, 3) == 3);
}
