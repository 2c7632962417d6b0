#include "tests/cases/top_softmax.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("top_softmax: value, gradients, SIMD and scalar") { check_all<cases::TopSoftmax>(); }

TEST_CASE("top_softmax: of equal elements the first are chosen, and large ones do not overflow") {
  Tensor<float> x({2, 4});
  const float numbers[] = {1, 1, 1, 1, -1000, 1000, 999, 1000};
  std::copy_n(numbers, 8, x.data());
  Tape<float, Cpu> tape;
  const auto y = top_softmax(tape.input(x.view()), 2).value();
  CHECK(as_doubles(y) == std::vector<double>{0.5, 0.5, 0, 0, 0, 0.5, 0, 0.5});
}

TEST_CASE("top_softmax: more than there are, or none, is an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> x({5, 2});
  for (const Index top : {0, 3})
    CHECK(message([&] { top_softmax(tape.input(x.view()), top); }) ==
          concat("top_softmax: top must be from 1 to the 2 columns of x, got ", top, "; x is (5,2)"));
}
