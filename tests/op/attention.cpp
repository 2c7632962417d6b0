#include "tests/cases/attention.hpp"

#include "tests/allocations.hpp"
#include "tests/cases/message.hpp"

#include <omp.h>

#include <thread>

using namespace cases;

TEST_CASE("attention: value, gradients, SIMD and scalar") { check_all<cases::Attention>(); }

TEST_CASE("attention: gradients of q alone, of k alone and of v alone, with the others constant") {
  const AttentionSizes z{1, 66, 4, 2, 3};
  for (int wanted = 0; wanted < 3; ++wanted) {
    CAPTURE(wanted);
    const auto inputs = cases::Attention{z}.inputs<double, Dirty<Cpu>>();
    std::vector<Tensor<double, Dirty<Cpu>>> trained;
    trained.push_back(inputs[static_cast<std::size_t>(wanted)].clone());
    const auto f = [&](Tape<double, Dirty<Cpu>>& tape, std::vector<Var<double, Dirty<Cpu>>>& v) {
      const auto part = [&](int which) {
        return which == wanted ? v[0] : tape.input(inputs[static_cast<std::size_t>(which)].view());
      };
      return attention(part(0), part(1), part(2), z);
    };
    CHECK(testing::gradient_error<Dirty<Cpu>>(trained, f) < 1e-7);
  }
}

TEST_CASE("attention: a value used as several operands gets every contribution") {
  const AttentionSizes z{1, 66, 2, 2, 2};
  using Vars = std::vector<Var<double, Dirty<Cpu>>>;
  using Tapes = Tape<double, Dirty<Cpu>>;
  const std::function<Var<double, Dirty<Cpu>>(Tapes&, Vars&)> shared[] = {
      [&](Tapes&, Vars& v) { return attention(v[0], v[0], v[0], z); },
      [&](Tapes&, Vars& v) { return attention(v[0], v[0], v[1], z); },
      [&](Tapes&, Vars& v) { return attention(v[0], v[1], v[0], z); },
      [&](Tapes&, Vars& v) { return attention(v[0], v[1], v[1], z); }};
  for (std::size_t which = 0; which < 4; ++which) {
    CAPTURE(which);
    std::vector<Tensor<double, Dirty<Cpu>>> inputs;
    inputs.push_back(numbers<double, Dirty<Cpu>>({66, 4}, "a"));
    if (which > 0) inputs.push_back(numbers<double, Dirty<Cpu>>({66, 4}, "b"));
    CHECK(testing::gradient_error<Dirty<Cpu>>(inputs, shared[which]) < 1e-7);
  }
}

TEST_CASE("attention: scores of 1e4 and ties are finite, the largest takes all weight") {
  Tape<float, Cpu> tape;
  Tensor<float> q({3, 1}), k({3, 1}), v({3, 1});
  const float keys[] = {1, -1, 1}, values[] = {5, 7, 9};
  for (Index n = 0; n < 3; ++n) {
    q.data()[n] = 1e4f;
    k.data()[n] = keys[n];
    v.data()[n] = values[n];
  }
  const auto y = attention(tape.input(q), tape.input(k), tape.input(v), {1, 3, 1, 1, 1}).value();
  CHECK(as_doubles(y) == std::vector<double>{5, 5, 7});
}

TEST_CASE("attention: no bit depends on later tokens or other sequences") {
  const AttentionSizes z{2, 70, 2, 1, 4};
  auto inputs = cases::Attention{z}.inputs<float, Cpu>();
  const auto forward = [&] {
    Tape<float, Cpu> tape;
    return as_doubles(
        attention(tape.input(inputs[0].view()), tape.input(inputs[1].view()), tape.input(inputs[2].view()), z).value());
  };
  const auto before = forward();
  const Index changed = 70 + 66;  // in the second sequence
  for (Index c = 0; c < 4; ++c) {
    inputs[1].view()(changed, c) = 50;
    inputs[2].view()(changed, c) = -1e6;
  }
  const auto after = forward();
  const Index cols = 8;
  CHECK(std::equal(before.begin(), before.begin() + changed * cols, after.begin()));
  for (Index n = changed; n < 140; ++n)
    CHECK(before[static_cast<std::size_t>(n * cols)] != after[static_cast<std::size_t>(n * cols)]);
}

TEST_CASE("attention: the scores of a whole head are never in memory at once") {
  if (!allocations_counted()) return;
  const AttentionSizes z{1, 2048, 8, 8, 2};
  std::size_t largest = 0;
  std::thread([&] {  // a thread without scratch memory yet
    omp_set_num_threads(1);
    std::vector<Parameter<float, Cpu>> inputs;
    for (const auto name : {"q", "k", "v"}) inputs.emplace_back(name, numbers<float, Cpu>({2048, 16}, name));
    const auto weights = numbers<float, Cpu>({2048, 16}, "weights");
    Tape<float, Cpu> tape;
    forget_largest_allocation();
    tape.start();
    tape.backward(
        testing::weighted_sum(attention(tape.leaf(inputs[0]), tape.leaf(inputs[1]), tape.leaf(inputs[2]), z), weights));
    largest = largest_allocation();
  })
      .join();
  CHECK(largest > 0);
  CHECK(largest < 2048 * 2048 * sizeof(float));
}

TEST_CASE("attention: sizes that do not agree are an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> q({6, 8}), k({6, 4}), wrong({6, 5});
  const auto run = [&](const Tensor<float>& a, const Tensor<float>& b, const Tensor<float>& c, AttentionSizes z) {
    return message([&] { attention(tape.input(a), tape.input(b), tape.input(c), z); });
  };
  CHECK(run(q, k, k, {2, 3, 3, 2, 2}) == "attention: query heads must be a multiple of key/value heads, got 3 and 2");
  CHECK(run(q, k, k, {2, 3, 4, 0, 2}) == "attention: query heads must be a multiple of key/value heads, got 4 and 0");
  CHECK(run(wrong, k, k, {2, 3, 4, 2, 2}) == "attention: q must be (B*T,H*W) = (6,8), got (6,5)");
  CHECK(run(q, wrong, k, {2, 3, 4, 2, 2}) == "attention: k and v must be (B*T,K*W) = (6,4), got (6,5) and (6,4)");
  CHECK(run(q, k, wrong, {2, 3, 4, 2, 2}) == "attention: k and v must be (B*T,K*W) = (6,4), got (6,4) and (6,5)");
  CHECK(run(q, k, k, {2, 3, 4, 2, 2, 0, 0, -1}) == "attention: the cap must be zero (none) or more, got -1");
}
