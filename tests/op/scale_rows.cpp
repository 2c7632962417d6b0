#include "tests/cases/scale_rows.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("scale_rows: value, gradients, SIMD and scalar") { check_all<cases::ScaleRows>(); }

TEST_CASE("scale_rows: one value as both operands, and one trained operand") {
  std::vector<Tensor<double, Dirty<Cpu>>> wide, narrow;
  wide.push_back(numbers<double, Dirty<Cpu>>({3, 21}, "x"));
  narrow.push_back(numbers<double, Dirty<Cpu>>({3, 1}, "g"));
  const auto constant = numbers<double, Dirty<Cpu>>({3, 21}, "c"), factor = numbers<double, Dirty<Cpu>>({3, 1}, "f");
  CHECK(testing::gradient_error<Dirty<Cpu>>(wide, [](auto&, auto& v) { return scale_rows(v[0], v[0]); }) < 1e-7);
  CHECK(testing::gradient_error<Dirty<Cpu>>(narrow, [](auto&, auto& v) { return scale_rows(v[0], v[0]); }) < 1e-7);
  CHECK(testing::gradient_error<Dirty<Cpu>>(
            narrow, [&](auto& tape, auto& v) { return scale_rows(tape.input(constant.view()), v[0]); }) < 1e-7);
  CHECK(testing::gradient_error<Dirty<Cpu>>(
            wide, [&](auto& tape, auto& v) { return scale_rows(v[0], tape.input(factor.view())); }) < 1e-7);
}

TEST_CASE("scale_rows: a gate of another size is an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> a({2, 3}), rows({3, 1}), cols({2, 2});
  CHECK(message([&] { scale_rows(tape.input(a), tape.input(rows)); }) ==
        "scale_rows: g must be (2,1) or (2,3), got (3,1)");
  CHECK(message([&] { scale_rows(tape.input(a), tape.input(cols)); }) ==
        "scale_rows: g must be (2,1) or (2,3), got (2,2)");
}
