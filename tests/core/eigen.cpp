#include "neutra/core/eigen.hpp"

#include "neutra/core/tensor.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"
#include "tests/core/counting.hpp"

using namespace neutra;

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

TEST_CASE("eigen: a map of a tensor makes no copy, merges leading axes, and can be written through") {
  Tensor<double> t = counting<double>({2, 3, 4});
  auto m = as_eigen(t.view());
  CHECK(m.data() == t.data());
  CHECK(m.rows() == 6);
  CHECK(m.cols() == 4);
  CHECK(m(5, 3) == 23);
  m(3, 1) = -1;
  CHECK(t.data()[13] == -1);
  const auto read_only = as_eigen(std::as_const(t).view());
  static_assert(std::is_same_v<decltype(read_only.data()), const double*>);
  CHECK(read_only.sum() == m.sum());
}

TEST_CASE("eigen: a map of a column block reads and writes only its columns") {
  Tensor<double> t = counting<double>({3, 8});
  auto m = as_eigen(View<double>(t.data() + 2, Shape{3, 4}, 8));
  CHECK(m(2, 1) == 19);
  m.setZero();
  CHECK(t.data()[1] == 1);
  CHECK(t.data()[2] == 0);
  CHECK(t.data()[21] == 0);
  CHECK(t.data()[22] == 22);
  Tensor<double> none({0, 4});
  CHECK(as_eigen(none.view()).size() == 0);
}

TEST_CASE("eigen: a product of maps is the product") {
  const Tensor<double> a = counting<double>({2, 3}), b = counting<double>({3, 2});
  Tensor<double> c({2, 2});
  as_eigen(c.view()).noalias() = as_eigen(a.view()) * as_eigen(b.view());
  CHECK(std::vector<double>(c.data(), c.data() + 4) == std::vector<double>{10, 13, 28, 40});
}

TEST_CASE("eigen: views of matrices, vectors, maps and blocks make no copy and can be written through") {
  RowMajor m = RowMajor::Zero(3, 5);
  const View<double> view = as_view(m);
  CHECK(view.data == m.data());
  CHECK(view.shape == Shape{3, 5});
  view(1, 2) = 7;
  CHECK(m(1, 2) == 7);
  auto block = m.block(1, 1, 2, 3);
  const View<double> part = as_view(block);
  CHECK(part.data == &m(1, 1));
  CHECK(part.shape == Shape{2, 3});
  CHECK(part.stride == 5);
  Eigen::VectorXf v = Eigen::VectorXf::Ones(4);
  CHECK(as_view(v).shape == Shape{4});
  CHECK(as_view(v).data == v.data());
  const RowMajor& fixed = m;
  const View<const double> read = as_view(fixed);
  static_assert(std::is_same_v<decltype(as_view(fixed)), View<const double>>);
  CHECK(read.data == m.data());
  Tensor<double> t({2, 3});
  auto map = as_eigen(t.view());
  CHECK(as_view(map).data == t.data());
}

TEST_CASE("eigen: rows that are not contiguous are an Error") {
  RowMajor m = RowMajor::Zero(3, 5);
  auto column = m.col(1);
  CHECK(message([&] { as_view(column); }) ==
        "as_view: the elements of a row must be contiguous, got an inner stride of 5");
}
