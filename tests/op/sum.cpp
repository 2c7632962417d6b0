#include "tests/cases/sum.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("sum: value, gradients, SIMD and scalar") { check_all<cases::Sum>(); }

TEST_CASE("sum: a mean over no channels is an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> x({5, 0});
  CHECK(message([&] { row_mean(tape.input(x.view())); }) ==
        "row_mean: x must have at least one channel, its shape is (5,0)");
}
