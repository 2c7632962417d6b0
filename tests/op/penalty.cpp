#include "tests/cases/penalty.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("residue_penalty: value, gradients, SIMD and scalar") { check_all<cases::ResiduePenalty>(); }

TEST_CASE("gate_penalty: value, gradients, SIMD and scalar") { check_all<cases::GatePenalty>(); }

TEST_CASE("residue_penalty: uncounted rows add nothing, even if infinite") {
  Parameter<float, Cpu> r("r", numbers<float, Cpu>({3, 17}, "r"));
  const auto y = numbers<float, Cpu>({3, 17}, "y");
  const std::vector<float> first_only{1, 0, 0};
  std::fill_n(r.value.data() + 17, 17, std::numeric_limits<float>::infinity());
  Tape<float, Cpu> tape;
  tape.start();
  const auto loss = residue_penalty(RowPenalty{}, tape.leaf(r), tape.input(y.view()),
                                    Counted<float>{first_only.data(), nullptr, nullptr}, 1);
  CHECK(std::isfinite(loss.item()));
  tape.backward(loss);
  for (Index i = 0; i < 51; ++i) CHECK((r.gradient.data()[i] != 0) == (i < 17));
}

TEST_CASE("residue_penalty: the output to which the residue is added gets no gradient") {
  Parameter<double, Cpu> r("r", numbers<double, Cpu>({3, 5}, "r")), y("y", numbers<double, Cpu>({3, 5}, "y"));
  Tape<double, Cpu> tape;
  tape.start();
  tape.backward(residue_penalty(RowPenalty{}, tape.leaf(r), tape.leaf(y), Counted<double>{}, 1));
  CHECK(r.has_gradient);
  CHECK_FALSE(y.has_gradient);
}

TEST_CASE("residue_penalty, gate_penalty: shapes that differ are an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> r({2, 3}), y({2, 4}), g({2, 1});
  CHECK(message([&] { residue_penalty(RowPenalty{}, tape.input(r), tape.input(y), Counted<float>{}, 1); }) ==
        "residue_penalty: r and y must have equal widths, got (2,3) and (2,4)");
  CHECK(message([&] { gate_penalty(LogitPenalty{}, tape.input(g), tape.input(r), Counted<float>{}, 1); }) ==
        "gate_penalty: a gate and its logits must have equal shapes, got (2,1) and (2,3)");
}
