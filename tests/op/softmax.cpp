#include "tests/cases/softmax.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("softmax: value, gradients, SIMD and scalar") { check_all<cases::Softmax>(); }

TEST_CASE("softmax: large numbers do not overflow") {
  Tensor<float> x({1, 3});
  const float numbers[] = {1000, 1000, -1000};
  std::copy_n(numbers, 3, x.data());
  Tape<float, Cpu> tape;
  const auto y = softmax(tape.input(x.view())).value();
  CHECK(y(0, 0) == 0.5f);
  CHECK(y(0, 2) == 0);
}
