#include "tests/cases/rope.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("rope: value, gradients, SIMD and scalar") { check_all<cases::Rope>(); }

TEST_CASE("rope: the dot product of a rotated query and key depends only on their distance") {
  const RopeTable<double, Cpu> table(12, 6, 100.0);
  const auto q = numbers<double, Cpu>({1, 6}, "q"), k = numbers<double, Cpu>({1, 6}, "k");
  Tensor<double, Cpu> x({12, 6}), y({12, 6});
  for (Index n = 0; n < 12; ++n) {
    std::copy_n(q.data(), 6, x.view().row(n));
    std::copy_n(k.data(), 6, y.view().row(n));
  }
  Tape<double, Cpu> tape;
  const auto a = rope(tape.input(x.view()), table, 12).value(), b = rope(tape.input(y.view()), table, 12).value();
  const auto product = [&](Index m, Index n) {
    double sum = 0;
    for (Index c = 0; c < 6; ++c) sum += a(m, c) * b(n, c);
    return sum;
  };
  CHECK(product(7, 4) == Approx(product(11, 8)).epsilon(1e-12));
  CHECK(std::abs(product(7, 4) - product(7, 5)) > 1e-3);
}

TEST_CASE("rope: invalid widths, thetas and lengths are an Error") {
  CHECK(message([] { RopeTable<float, Cpu>(4, 3, 1e4); }) == "rope: the head width must be even, got 3");
  CHECK(message([] { RopeTable<float, Cpu>(4, 0, 1e4); }) == "rope: the head width must be even, got 0");
  CHECK(message([] { RopeTable<float, Cpu>(4, 2, -1); }) == "rope: theta must be positive, got -1");
  CHECK_THROWS_AS((RopeTable<float, Cpu>(4, 2, std::nan(""))), Error);
  CHECK_THROWS_AS((RopeTable<float, Cpu>(-4, 2, 1e4)), Error);
  Tape<float, Cpu> tape;
  const RopeTable<float, Cpu> table(4, 6, 1e4);
  const Tensor<float> narrow({4, 8}), x({8, 6});
  CHECK(message([&] { rope(tape.input(narrow), table, 4); }) ==
        "rope: the width of x must be a multiple of the head width 6, got (4,8)");
  for (const Index length : {0, 3, 5})
    CHECK(message([&] { rope(tape.input(x), table, length); }) ==
          concat("rope: rows must be whole sequences of at most 4 positions, got 8 rows for length ", length));
}
