#include "tests/cases/kl_divergence.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("kl_divergence: value, gradient, SIMD and scalar") { check_all<cases::KlDivergence>(); }

TEST_CASE("kl_divergence: equal distributions have none, and large logits do not overflow") {
  Tensor<float> x({1, 3}), teacher({1, 3});
  const float numbers[] = {1000, 999, -1000}, shifted[] = {1, 0, -1999};
  std::copy_n(numbers, 3, x.data());
  std::copy_n(shifted, 3, teacher.data());
  Tape<float, Cpu> tape;
  tape.start(false);
  const auto to = tape.input(teacher.view());
  CHECK(kl_divergence(tape.input(x.view()), to, static_cast<const float*>(nullptr), 1).item() ==
        Approx(0).margin(1e-6));
  CHECK(message([&] {
          Tensor<float> narrow({1, 2});
          kl_divergence(tape.input(narrow.view()), to, static_cast<const float*>(nullptr), 1);
        }) == "kl_divergence: logits and the teacher's must have equal shapes, got (1,2) and (1,3)");
}

TEST_CASE("kl_divergence: of close distributions it has an error of one rounding in float") {
  Tensor<float> x({1, 64}), teacher({1, 64});
  double expected = 0, x_sum = 0, t_sum = 0;
  for (Index c = 0; c < 64; ++c) {
    teacher.data()[c] = static_cast<float>(c % 7);
    x.data()[c] = teacher.data()[c] + 0.01f * static_cast<float>(c % 3);
    x_sum += std::exp(double{x.data()[c]});
    t_sum += std::exp(double{teacher.data()[c]});
  }
  for (Index c = 0; c < 64; ++c) {
    const double log_p = teacher.data()[c] - std::log(t_sum), log_q = x.data()[c] - std::log(x_sum);
    expected += std::exp(log_p) * (log_p - log_q);
  }
  Tape<float, Cpu> tape;
  tape.start(false);
  const auto from = tape.input(x.view()), to = tape.input(teacher.view());
  CHECK(kl_divergence(from, to, static_cast<const float*>(nullptr), 1).item() ==
        Approx(expected).margin(2e-7));  // about 3e-5 nats
}
