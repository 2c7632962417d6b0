#include "tests/cases/pointwise.hpp"

using namespace cases;

TEST_CASE("pointwise: value, gradients, SIMD and scalar") {
  check_all<cases::Pointwise<cases::Sigmoid>>();
  check_all<cases::Pointwise<cases::Tanh>>();
  check_all<cases::Pointwise<cases::Softplus>>();
  check_all<cases::Pointwise<cases::Relu>>();
  check_all<cases::Pointwise<cases::LogNorm>>();
  check_all<cases::Pointwise<cases::SoftCap>>();
}

TEST_CASE("pointwise: +-1e3, infinities and zeros give exact results") {
  const float big = 1e3f, most = std::numeric_limits<float>::infinity();
  Tensor<float> x({2, 19});
  const float points[] = {big, -big, most, -most, 0.0f, -0.0f};
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = points[i % 6];
  const float sigmoid[] = {1, 0, 1, 0, 0.5f, 0.5f}, softplus[] = {big, 0, most, 0, std::log(2.0f), std::log(2.0f)};
  Tape<float, Cpu> tape;
  const auto y = pointwise(tape.input(x), Sigmoid{}).value(), z = pointwise(tape.input(x), Softplus{}).value();
  for (Index i = 0; i < x.size(); ++i) {
    CAPTURE(i);
    CHECK(y.data[i] == sigmoid[i % 6]);
    if (std::isinf(softplus[i % 6]))
      CHECK(z.data[i] == most);
    else
      CHECK(z.data[i] == Approx(softplus[i % 6]).epsilon(1e-6));
  }
}

TEST_CASE("pointwise: the slope is the factor of the backward pass") {
  const auto x = numbers<double, Cpu>({3, 13}, "x");
  Parameter<double, Cpu> parameter("x", x.clone());
  Tape<double, Cpu> tape;
  tape.start();
  const auto v = tape.leaf(parameter), y = pointwise(v, Tanh{});
  Tensor<double, Cpu> slope({3, 13}), ones({3, 13});
  std::fill_n(ones.data(), 39, 1.0);
  Cpu::rows<double>(3, 13, op::PointwiseSlope<double, Tanh>{v.value(), y.value(), slope, Tanh{}});
  tape.backward(testing::weighted_sum(y, ones));
  CHECK(as_doubles(View<const double>(slope)) == as_doubles(View<const double>(parameter.gradient)));
}
