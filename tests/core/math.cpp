#include "neutra/core/math.hpp"

#include "tests/catch.hpp"

#include <limits>

using namespace neutra;

TEMPLATE_TEST_CASE("math: functions of scalars forward to the standard ones", "", float, double) {
  for (const double at : {-3.5, -1.0, -0.25, 0.0, 0.3, 1.0, 7.25}) {
    const auto x = static_cast<TestType>(at);
    CHECK(math::exp(x) == std::exp(x));
    CHECK(math::tanh(x) == std::tanh(x));
    CHECK(math::erf(x) == std::erf(x));
    CHECK(math::abs(x) == std::abs(x));
    CHECK(math::log1p(math::abs(x)) == std::log1p(std::abs(x)));
    CHECK(math::log(math::exp(x)) == std::log(std::exp(x)));
    CHECK(math::sqrt(math::abs(x)) == std::sqrt(std::abs(x)));
    CHECK(math::relu(x) == (x > 0 ? x : 0));
    CHECK(math::sign(x) == (x > 0 ? 1 : x < 0 ? -1 : 0));
    CHECK(math::sigmoid(x) == Approx(1 / (1 + std::exp(-x))));
    CHECK(math::softplus(x) == Approx(std::log(1 + std::exp(x))));
  }
  CHECK(math::min(TestType(2), TestType(1)) == 1);
  CHECK(math::max(TestType(2), TestType(1)) == 2);
  CHECK(math::select(true, TestType(1), TestType(2)) == 1);
  CHECK(math::select(false, TestType(1), TestType(2)) == 2);
}

TEMPLATE_TEST_CASE("math: sigmoid and softplus hold at both ends", "", float, double) {
  const TestType big = 1e3, most = std::numeric_limits<TestType>::infinity();
  CHECK(math::sigmoid(big) == 1);
  CHECK(math::sigmoid(-big) == 0);
  CHECK(math::sigmoid(most) == 1);
  CHECK(math::sigmoid(-most) == 0);
  CHECK(math::sigmoid(TestType(0)) == TestType(0.5));
  CHECK(math::softplus(big) == big);
  CHECK(math::softplus(-big) == 0);
  CHECK(math::softplus(most) == most);
  CHECK(math::softplus(-most) == 0);
  CHECK(math::softplus(TestType(-30)) == Approx(std::exp(-30.0)).epsilon(1e-6));  // not lost in the rounding of 1 + x
  CHECK(math::sign(TestType(-0.0)) == 0);
}
