#include "tests/cases/add.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("add: value, gradients, SIMD and scalar") { check_all<cases::Add>(); }

TEST_CASE("add: a value added to itself gets both contributions") {
  const auto x = numbers<double, Cpu>({3, 5}, "x");
  std::vector<Tensor<double, Cpu>> inputs;
  inputs.push_back(x.clone());
  CHECK(testing::gradient_error<Cpu>(inputs, [](auto&, auto& v) { return add(v[0], v[0], 0.5); }) < 1e-9);
}

TEST_CASE("add: shapes that differ are an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> x({2, 3}), y({3, 2});
  CHECK(message([&] { add(tape.input(x), tape.input(y)); }) == "add: shapes must be equal, got (2,3) and (3,2)");
}
