#include "tests/cases/layer_norm.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("layer_norm: value, gradients, SIMD and scalar") { check_all<cases::LayerNorm>(); }

TEST_CASE("layer_norm: a constant added to a row changes nothing, and dx sums to 0 over a row") {
  const auto x = numbers<double, Cpu>({3, 19}, "x");
  Tensor<double, Cpu> raised({3, 19});
  for (Index i = 0; i < x.size(); ++i) raised.data()[i] = x.data()[i] + static_cast<double>(1 + i / 19);
  Parameter<double, Cpu> level("x", raised.clone());
  const auto w = numbers<double, Cpu>({19}, "w"), b = numbers<double, Cpu>({19}, "b");
  Tape<double, Cpu> tape;
  tape.start();
  const auto y = layer_norm(tape.leaf(level), tape.input(w.view()), tape.input(b.view()));
  const auto same = layer_norm(tape.input(x.view()), tape.input(w.view()), tape.input(b.view()));
  CHECK(difference(as_doubles(y.value()), as_doubles(same.value())) < 1e-13);
  tape.backward(testing::weighted_sum(y, numbers<double, Cpu>({3, 19}, "projection")));
  for (Index n = 0; n < 3; ++n) {
    double sum = 0;
    for (Index c = 0; c < 19; ++c) sum += level.gradient.data()[n * 19 + c];
    CHECK(std::abs(sum) < 1e-13);
  }
}

TEST_CASE("layer_norm: gradients of the bias alone, of the weight alone and of x alone") {
  const auto x = numbers<double, Dirty<Cpu>>({70, 9}, "x"), w = numbers<double, Dirty<Cpu>>({9}, "w"),
             b = numbers<double, Dirty<Cpu>>({9}, "b");
  const auto error = [&](const auto& input, const auto& run) {
    std::vector<Tensor<double, Dirty<Cpu>>> inputs;
    inputs.push_back(input.clone());
    return testing::gradient_error<Dirty<Cpu>>(inputs, run);
  };
  CHECK(error(b, [&](auto& tape, auto& v) { return layer_norm(tape.input(x.view()), tape.input(w.view()), v[0]); }) <
        1e-7);
  CHECK(error(w, [&](auto& tape, auto& v) { return layer_norm(tape.input(x.view()), v[0], tape.input(b.view())); }) <
        1e-7);
  CHECK(error(x, [&](auto& tape, auto& v) { return layer_norm(v[0], tape.input(w.view()), tape.input(b.view())); }) <
        1e-7);
}

TEST_CASE("layer_norm: a weight or bias of another size is an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> x({8, 64}), w({64}), wrong({32});
  CHECK(message([&] { layer_norm(tape.input(x), tape.input(w), tape.input(wrong)); }) ==
        "layer_norm: w and b must be (C) with C = 64, got (64) and (32); x is (8,64)");
  CHECK(message([&] { layer_norm(tape.input(x), tape.input(wrong), tape.input(w)); }) ==
        "layer_norm: w and b must be (C) with C = 64, got (32) and (64); x is (8,64)");
}
