#include "tests/cases/causal_mean.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("causal_mean: value, gradients, SIMD and scalar") { check_all<cases::CausalMean>(); }

TEST_CASE("causal_mean: an incomplete sequence is an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> x({5, 2});
  CHECK(message([&] { causal_mean(tape.input(x.view()), 2); }) ==
        "causal_mean: x must have whole sequences of 2 rows, got 5 rows");
}

TEST_CASE("causal_mean: a decay that is no share is an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> x({4, 1});
  for (const float decay : {0.0f, -0.5f, 1.5f, std::numeric_limits<float>::quiet_NaN()})
    CHECK(message([&] { causal_mean(tape.input(x.view()), 2, decay); }) ==
          concat("causal_mean: the decay must be above 0 and at most 1, got ", decay));
}
