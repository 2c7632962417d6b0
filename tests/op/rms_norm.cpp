#include "tests/cases/rms_norm.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("rms_norm: value, gradients, SIMD and scalar") { check_all<cases::RmsNorm>(); }

TEST_CASE("rms_norm: rows of zeros give zeros, and a finite gradient") {
  Parameter<float, Cpu> x("x", Tensor<float, Cpu>({2, 19})), w("w", numbers<float, Cpu>({19}, "w"));
  Tape<float, Cpu> tape;
  tape.start();
  const auto y = rms_norm(tape.leaf(x), tape.leaf(w));
  CHECK(as_doubles(y.value()) == std::vector<double>(38, 0.0));
  Tensor<float, Cpu> ones({2, 19});
  std::fill_n(ones.data(), 38, 1.0f);
  tape.backward(testing::weighted_sum(y, ones));
  for (Index c = 0; c < 19; ++c)
    CHECK(x.gradient.data()[c] == Approx(w.value.data()[c] / std::sqrt(1e-5f)).epsilon(1e-5));
  CHECK(as_doubles(View<const float>(w.gradient)) == std::vector<double>(19, 0.0));
}

TEST_CASE("rms_norm: gradients of the weight alone and of x alone") {
  const auto x = numbers<double, Dirty<Cpu>>({70, 9}, "x"), w = numbers<double, Dirty<Cpu>>({9}, "w");
  std::vector<Tensor<double, Dirty<Cpu>>> inputs;
  inputs.push_back(w.clone());
  CHECK(testing::gradient_error<Dirty<Cpu>>(
            inputs, [&](auto& tape, auto& v) { return rms_norm(tape.input(x.view()), v[0]); }) < 1e-7);
  inputs[0] = x.clone();
  CHECK(testing::gradient_error<Dirty<Cpu>>(
            inputs, [&](auto& tape, auto& v) { return rms_norm(v[0], tape.input(w.view())); }) < 1e-7);
}

TEST_CASE("rms_norm: a weight of another size is an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> x({8, 64}), w({33}), square({1, 64});
  CHECK(message([&] { rms_norm(tape.input(x), tape.input(w)); }) ==
        "rms_norm: w must be (C) with H*C = 64, got (33); x is (8,64)");
  CHECK(message([&] { rms_norm(tape.input(x), tape.input(square)); }) ==
        "rms_norm: w must be (C) with H*C = 64, got (1,64); x is (8,64)");
}
