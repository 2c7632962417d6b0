#include "tests/cases/magnitude.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("magnitude_factors: value, gradients, SIMD and scalar") { check_all<cases::MagnitudeFactors>(); }

TEST_CASE("magnitude_factors: the norm of a matrix without an update is its own to the bit, and 0 gives 0") {
  Tape<float, Cpu> tape;
  const auto a = numbers<float, Cpu>({2, 3}, "a");
  const Tensor<float> w({2, 3}), b({2, 2});
  Tensor<float> squares({2}), m({2});
  squares.data()[0] = 3.7f;
  m.data()[0] = std::sqrt(3.7f);
  m.data()[1] = 5;
  tape.start(false);
  const auto c = magnitude_factors(tape.input(m.view()), tape.input(w.view()), tape.input(a.view()),
                                   tape.input(b.view()), squares.view());
  CHECK(c.value().data[0] == 1.0f);
  CHECK(c.value().data[1] == 0.0f);
}

TEST_CASE("magnitude_factors: shapes that do not agree are an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> w({5, 3}), a({2, 3}), wide({2, 4}), b({5, 2}), m({5}), few({4});
  const auto said = [&](const Tensor<float>& first, const Tensor<float>& left, const Tensor<float>& squares) {
    return message([&] {
      magnitude_factors(tape.input(first.view()), tape.input(w.view()), tape.input(left.view()), tape.input(b.view()),
                        squares.view());
    });
  };
  CHECK(said(m, wide, m) == "magnitude_factors: A must be (r,3) and B (5,r), got (2,4) and (5,2); W is (5,3)");
  CHECK(said(m, a, few) == "magnitude_factors: m and squares must be (5), got (5) and (4); W is (5,3)");
}
