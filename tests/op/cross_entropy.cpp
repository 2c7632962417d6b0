#include "tests/cases/cross_entropy.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("cross_entropy: value, gradients, SIMD and scalar") {
  check_all<cases::CrossEntropy<true>>();
  check_all<cases::CrossEntropy<false>>();
}

TEST_CASE("cross_entropy: a frozen head, packed for many rows, gives the bits of a trained one") {
  const std::vector<std::int32_t> targets(40, 3);
  Parameter<float, Cpu> trained("w", numbers<float, Cpu>({35, 9}, "w"));
  const Frozen<float, Cpu> frozen("w", numbers<float, Cpu>({35, 9}, "w"));
  for (const Index rows : {3, 40}) {
    double loss[2];
    std::vector<double> dx[2];
    for (const bool packed : {false, true}) {
      Parameter<float, Cpu> x("x", numbers<float, Cpu>({rows, 9}, "x"));
      Tape<float, Cpu> tape;
      tape.start();
      const auto y = cross_entropy(tape.leaf(x), packed ? tape.constant(frozen) : tape.leaf(trained),
                                   std::span(targets).first(static_cast<std::size_t>(rows)), 1);
      loss[packed] = y.item();
      tape.backward(y);
      dx[packed] = as_doubles(View<const float>(x.gradient));
    }
    CHECK(loss[0] == loss[1]);
    CHECK(dx[0] == dx[1]);
  }
}

TEST_CASE("cross_entropy: the head trains while x is constant") {
  static const std::vector<std::int32_t> targets(300, 2);
  const auto x = numbers<double, Dirty<Cpu>>({300, 3}, "x");
  std::vector<Tensor<double, Dirty<Cpu>>> inputs;
  inputs.push_back(numbers<double, Dirty<Cpu>>({5, 3}, "w"));
  const auto f = [&](auto& tape, auto& v) { return cross_entropy(tape.input(x.view()), v[0], std::span<const std::int32_t>(targets), 0.1); };
  CHECK(testing::gradient_error<Dirty<Cpu>>(inputs, f) < 1e-7);
}

TEST_CASE("cross_entropy: logits of 1e4 and ties are exact") {
  Tape<float, Cpu> tape;
  tape.start(true);
  Parameter<float, Cpu> x("x", Tensor<float, Cpu>({3, 1}));
  Tensor<float, Cpu> w({20, 1});
  std::fill_n(x.value.data(), 3, 1e4f);
  for (Index v = 0; v < 20; ++v) w.data()[v] = v < 2 ? 1.0f : -1.0f;  // two winners of 1e4, eighteen losers of -1e4
  const std::vector<std::int32_t> targets{0, 1, 5};
  const auto loss = cross_entropy(tape.leaf(x), tape.input(w.view()), targets, 1);
  CHECK(loss.item() == Approx(2 * std::log(2.0) + 2e4 + std::log(2.0)).epsilon(1e-6));
  tape.backward(loss);
  CHECK(as_doubles(View<const float>(x.gradient)) == std::vector<double>{0, 0, 2});
}

TEST_CASE("cross_entropy: the logits of a batch never exist at once") {
  const std::vector<std::int32_t> targets(2048, 1);
  const auto x = numbers<float, Cpu>({2048, 2}, "x"), w = numbers<float, Cpu>({1000, 2}, "w");
  Tape<float, Cpu> tape;
  tape.start(false);
  cross_entropy(tape.input(x.view()), tape.input(w.view()), targets, 1);
  CHECK(tape.memory_held() < 256 * 1000 * sizeof(float) + (64 << 10));
}

TEST_CASE("cross_entropy: while x and head train, neither the logits of a batch nor their gradients exist at once") {
  const std::vector<std::int32_t> targets(2048, 1);
  Parameter<float, Cpu> x("x", numbers<float, Cpu>({2048, 2}, "x")), w("w", numbers<float, Cpu>({1000, 2}, "w"));
  Tape<float, Cpu> tape;
  tape.start();
  tape.backward(cross_entropy(tape.leaf(x), tape.leaf(w), targets, 1));
  CHECK(tape.memory_held() < 256 * 1000 * sizeof(float) + (128 << 10));  // one chunk, dx and dW; a second chunk would be 1 MB more
}

TEST_CASE("cross_entropy: targets and heads that do not fit are an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> x({2, 3}), w({4, 3}), wrong({4, 5});
  const std::vector<std::int32_t> good{0, 1}, few{0}, beyond{0, 4}, negative{-2, 0};
  const auto run = [&](const Tensor<float>& head, const std::vector<std::int32_t>& targets) {
    return message([&] { cross_entropy(tape.input(x), tape.input(head), targets, 1); });
  };
  CHECK(run(w, few) == "cross_entropy: one target per row is needed, got 1 for 2 rows");
  CHECK(run(wrong, good) == "cross_entropy: W must be (V,C) with C = 3, got (4,5)");
  CHECK(run(w, beyond) == "cross_entropy: target 4 at position 1 is outside the vocabulary of 4");
  CHECK(run(w, negative) == "cross_entropy: target -2 at position 0 is outside the vocabulary of 4");
  CHECK(run(w, good) == "no Error");
}
