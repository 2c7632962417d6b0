#include "tests/cases/gated.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("gated: value, gradients, SIMD and scalar") { check_all<cases::Gated>(); }

TEST_CASE("gated: one value as both operands, and one trained operand") {
  std::vector<Tensor<double, Dirty<Cpu>>> inputs;
  inputs.push_back(numbers<double, Dirty<Cpu>>({3, 21}, "x"));
  const auto constant = numbers<double, Dirty<Cpu>>({3, 21}, "c");
  CHECK(testing::gradient_error<Dirty<Cpu>>(inputs, [](auto&, auto& v) { return gated(v[0], v[0]); }) < 1e-7);
  CHECK(testing::gradient_error<Dirty<Cpu>>(
            inputs, [&](auto& tape, auto& v) { return gated(v[0], tape.input(constant.view())); }) < 1e-7);
  CHECK(testing::gradient_error<Dirty<Cpu>>(
            inputs, [&](auto& tape, auto& v) { return gated(tape.input(constant.view()), v[0]); }) < 1e-7);
}

TEST_CASE("gated: silu of +-1e3 neither overflows nor vanishes") {
  Tape<float, Cpu> tape;
  Tensor<float> a({1, 20}), b({1, 20});
  for (Index c = 0; c < 20; ++c) {
    a.data()[c] = c % 2 ? 1e3f : -1e3f;
    b.data()[c] = 2;
  }
  const auto y = gated(tape.input(a), tape.input(b)).value();
  for (Index c = 0; c < 20; ++c) CHECK(y(0, c) == (c % 2 ? 2e3f : 0.0f));
}

TEST_CASE("gated: shapes that differ are an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> a({2, 3}), b({3, 2});
  CHECK(message([&] { gated(tape.input(a), tape.input(b)); }) == "gated: shapes must be equal, got (2,3) and (3,2)");
}
