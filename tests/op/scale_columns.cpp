#include "tests/cases/scale_columns.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("scale_columns: value, gradients, SIMD and scalar") { check_all<cases::ScaleColumns>(); }

TEST_CASE("scale_columns: another number of factors is an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> x({5, 2}), v({3});
  CHECK(message([&] { scale_columns(tape.input(x.view()), tape.input(v.view())); }) ==
        "scale_columns: v must be (2), got (3); x is (5,2)");
}
