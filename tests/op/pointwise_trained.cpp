#include "tests/cases/pointwise_trained.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("pointwise_trained: value, gradients, SIMD and scalar") { check_all<cases::PointwiseTrained>(); }

TEST_CASE("pointwise_trained: too few weights is an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> x({5, 2}), p({1});
  CHECK(message([&] {
          const Var<float, Cpu> w[] = {tape.input(p.view())};
          pointwise_trained(tape.input(x.view()), Affine{}, w);
        }) == "pointwise_trained: the function takes 2 parameters, got 1 weights");
}
