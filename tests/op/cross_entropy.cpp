#include "tests/cases/cross_entropy.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("cross_entropy: value, gradients, SIMD and scalar") {
  check_all<cases::CrossEntropy<true>>();
  check_all<cases::CrossEntropy<false>>();
}

namespace {

/// Loss and dx of `rows` rows with a head of 2500 tokens, which is read in three chunks.
template <Scalar S, class Head> std::vector<double> loss_and_gradient(Index rows, const Head& head) {
  std::vector<std::int32_t> targets;
  for (Index n = 0; n < rows; ++n) targets.push_back(static_cast<std::int32_t>(n * 977 % 2500));
  Parameter<S, Cpu> x("x", numbers<S, Cpu>({rows, 9}, "x"));
  for (Index i = 0; i < x.value.size(); ++i) x.value.data()[i] *= S(4);  // so that the softmax is peaked
  Tape<S, Cpu> tape;
  tape.start();
  const auto y = cross_entropy(tape.leaf(x), head(tape), targets, S(1) / S(7));
  tape.backward(y, S(2));
  auto all = as_doubles(View<const S>(x.gradient));
  all.push_back(static_cast<double>(y.item()));
  return all;
}

}  // namespace

TEMPLATE_TEST_CASE("cross_entropy: a frozen head, read in chunks, gives the loss and gradient of a trained one",
                   "[cross_entropy]", float, double) {
  using S = TestType;
  Parameter<S, Cpu> trained("w", numbers<S, Cpu>({2500, 9}, "w"));
  const Frozen<S, Cpu> frozen("w", numbers<S, Cpu>({2500, 9}, "w"), {.packed = true, .in_chunks = true});
  for (const Index rows : {3, 40, 300}) {
    CAPTURE(rows);
    const auto whole = loss_and_gradient<S>(rows, [&](auto& tape) { return tape.leaf(trained); });
    const auto parts = loss_and_gradient<S>(rows, [&](auto& tape) { return tape.constant(frozen); });
    const auto unpacked = loss_and_gradient<S>(rows, [&](auto& tape) { return tape.input(frozen.value()); });
    CHECK(parts == unpacked);
    REQUIRE(parts.size() == whole.size());
    const double epsilon = static_cast<double>(std::numeric_limits<S>::epsilon());
    double worst = 0, largest = 0;
    for (std::size_t i = 0; i + 1 < whole.size(); ++i) {
      worst = std::max(worst, std::abs(parts[i] - whole[i]));
      largest = std::max(largest, std::abs(whole[i]));
    }
    CHECK(worst < 100 * epsilon * largest);
    CHECK(std::abs(parts.back() - whole.back()) < 100 * epsilon * whole.back());
  }
}

TEST_CASE("cross_entropy: in bf16 the gradient of a nearly certain token is as accurate as of any other") {
  // x is aligned with the weight of the target: p >= 0.99. Adding the target's weight unrounded to a rounded sum once
  // made a third of the gradient wrong.
  const Index rows = 20, cols = 64;
  const auto w = numbers<float, Cpu>({1500, cols}, "w");
  std::vector<std::int32_t> targets;
  Parameter<float, Cpu> x("x", Tensor<float, Cpu>({rows, cols}));
  for (Index n = 0; n < rows; ++n) {
    targets.push_back(static_cast<std::int32_t>(n * 71));
    double square = 0;
    for (Index c = 0; c < cols; ++c) square += std::pow(static_cast<double>(w.data()[targets.back() * cols + c]), 2);
    for (Index c = 0; c < cols; ++c)
      x.value.data()[n * cols + c] = w.data()[targets.back() * cols + c] * static_cast<float>(14 / square);
  }
  std::vector<double> dx[2];
  double loss[2];
  for (const bool bf16 : {false, true}) {
    Tape<float, Cpu> tape;
    tape.start(true, bf16 ? DType::bf16 : DType::f32);
    const auto y = cross_entropy(tape.leaf(x), tape.input(w.view()), targets, 1);
    loss[bf16] = y.item();
    x.has_gradient = false;
    tape.backward(y);
    dx[bf16] = as_doubles(View<const float>(x.gradient));
  }
  CAPTURE(loss[0] / 20);
  CHECK(loss[0] / 20 < 0.01);
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < dx[0].size(); ++i) {
    difference += std::pow(dx[1][i] - dx[0][i], 2);
    size += std::pow(dx[0][i], 2);
  }
  CHECK(std::sqrt(difference / size) < 0.03);
}

TEST_CASE("cross_entropy: a chunk of scores of minus infinity does not change the others") {
  Tensor<float, Cpu> w({1100, 1});  // two chunks of 550 tokens
  std::fill_n(w.data(), 550, -3e38f);
  Parameter<float, Cpu> x("x", Tensor<float, Cpu>({1, 1}));
  x.value.data()[0] = 10;
  Tape<float, Cpu> tape;
  tape.start();
  const std::vector<std::int32_t> target{700};
  const auto loss = cross_entropy(tape.leaf(x), tape.input(w.view()), target, 1);
  CHECK(loss.item() == Approx(std::log(550.0)).epsilon(1e-6));
  tape.backward(loss);
}

TEST_CASE("cross_entropy: the head trains while x is constant") {
  static const std::vector<std::int32_t> targets(300, 2);
  const auto x = numbers<double, Dirty<Cpu>>({300, 3}, "x");
  std::vector<Tensor<double, Dirty<Cpu>>> inputs;
  inputs.push_back(numbers<double, Dirty<Cpu>>({5, 3}, "w"));
  const auto f = [&](auto& tape, auto& v) {
    return cross_entropy(tape.input(x.view()), v[0], std::span<const std::int32_t>(targets), 0.1);
  };
  CHECK(testing::gradient_error<Dirty<Cpu>>(inputs, f) < 1e-7);
}

TEST_CASE("cross_entropy: logits of 1e4 and ties are exact") {
  Tape<float, Cpu> tape;
  tape.start(true);
  Parameter<float, Cpu> x("x", Tensor<float, Cpu>({3, 1}));
  Tensor<float, Cpu> w({20, 1});
  std::fill_n(x.value.data(), 3, 1e4f);
  for (Index v = 0; v < 20; ++v) w.data()[v] = v < 2 ? 1.0f : -1.0f;  // two logits of 1e4, eighteen of -1e4
  const std::vector<std::int32_t> targets{0, 1, 5};
  const auto loss = cross_entropy(tape.leaf(x), tape.input(w.view()), targets, 1);
  CHECK(loss.item() == Approx(2 * std::log(2.0) + 2e4 + std::log(2.0)).epsilon(1e-6));
  tape.backward(loss);
  CHECK(as_doubles(View<const float>(x.gradient)) == std::vector<double>{0, 0, 2});
}

TEST_CASE("cross_entropy: the logits of a batch are never in memory at once") {
  const std::vector<std::int32_t> targets(2048, 1);
  const auto x = numbers<float, Cpu>({2048, 2}, "x"), w = numbers<float, Cpu>({1000, 2}, "w");
  Tape<float, Cpu> tape;
  tape.start(false);
  cross_entropy(tape.input(x.view()), tape.input(w.view()), targets, 1);
  CHECK(tape.memory_held() < 256 * 1000 * sizeof(float) + (64 << 10));
  const auto wide = numbers<float, Cpu>({20000, 2}, "w");
  Parameter<float, Cpu> training("x", numbers<float, Cpu>({2048, 2}, "x"));
  Tape<float, Cpu> other;
  other.start();
  other.backward(cross_entropy(other.leaf(training), other.input(wide.view()), targets, 1));
  CHECK(other.memory_held() < 256 * 1024 * sizeof(float) + (64 << 10));  // whatever the vocabulary
}

TEST_CASE(
    "cross_entropy: with trained x and head, neither the logits of a batch nor their gradients are in memory at once") {
  const std::vector<std::int32_t> targets(2048, 1);
  Parameter<float, Cpu> x("x", numbers<float, Cpu>({2048, 2}, "x")), w("w", numbers<float, Cpu>({1000, 2}, "w"));
  Tape<float, Cpu> tape;
  tape.start();
  tape.backward(cross_entropy(tape.leaf(x), tape.leaf(w), targets, 1));
  CHECK(tape.memory_held() <
        256 * 1000 * sizeof(float) + (128 << 10));  // one chunk, dx and dW; a second chunk would be 1 MB more
}

TEST_CASE("cross_entropy: targets and heads that do not agree with x are an Error") {
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
  CHECK(run(w, good) == "");
  CHECK(message([&] { cross_entropy(tape.input(x), tape.input(w), good, 1, -1); }) ==
        "cross_entropy: the cap must be zero (none) or more, got -1");
}
