#include "tests/cases/columns.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("columns: value, gradients, SIMD and scalar") { check_all<cases::Columns>(); }

TEST_CASE("columns: a column out of range is an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> x({5, 2});
  CHECK(message([&] { columns(tape.input(x.view()), 1, 2); }) ==
        "columns: 2 columns from 1 must lie within the 2 of x, which is (5,2)");
}
