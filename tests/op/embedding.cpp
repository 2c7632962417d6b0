#include "tests/cases/embedding.hpp"

#include "neutra/op/cross_entropy.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("embedding: value, gradients, SIMD and scalar") { check_all<cases::Embedding>(); }

TEST_CASE("embedding: rows of absent tokens get a zero gradient, not uninitialised memory") {
  Parameter<float, Dirty<Cpu>> table("table", numbers<float, Dirty<Cpu>>({4, 3}, "table"));
  const std::vector<std::int32_t> tokens{2, 2};
  Tape<float, Dirty<Cpu>> tape;
  tape.start();
  const auto y = embedding(tape.leaf(table), tokens);
  Tensor<float, Dirty<Cpu>> ones({2, 3});
  std::fill_n(ones.data(), 6, 1.0f);
  tape.backward(testing::weighted_sum(y, ones));
  CHECK(as_doubles(View<const float>(table.gradient)) == std::vector<double>{0, 0, 0, 0, 0, 0, 2, 2, 2, 0, 0, 0});
}

TEST_CASE("embedding: the caller's tokens may change once it has returned") {
  Parameter<float, Dirty<Cpu>> table("table", numbers<float, Dirty<Cpu>>({4, 3}, "table"));
  std::vector<std::int32_t> tokens{2, 2};
  Tape<float, Dirty<Cpu>> tape;
  tape.start();
  const auto y = embedding(tape.leaf(table), std::span<const std::int32_t>(tokens));
  tokens = {0, 3};
  Tensor<float, Dirty<Cpu>> ones({2, 3});
  std::fill_n(ones.data(), 6, 1.0f);
  tape.backward(testing::weighted_sum(y, ones));
  CHECK(as_doubles(View<const float>(table.gradient)) == std::vector<double>{0, 0, 0, 0, 0, 0, 2, 2, 2, 0, 0, 0});
}

TEST_CASE("embedding: one table as embedding and head gets both contributions") {
  static const std::vector<std::int32_t> tokens{1, 4, 1, 0}, next{4, 1, 0, 2};
  std::vector<Tensor<double, Dirty<Cpu>>> inputs;
  inputs.push_back(numbers<double, Dirty<Cpu>>({5, 7}, "table"));
  const auto tied = [](auto&, auto& v) {
    return cross_entropy(embedding(v[0], std::span<const std::int32_t>(tokens)), v[0],
                         std::span<const std::int32_t>(next), 0.25);
  };
  CHECK(testing::gradient_error<Dirty<Cpu>>(inputs, tied) < 1e-7);
}

TEST_CASE("embedding: a token outside the table is an Error with its position") {
  Tape<float, Cpu> tape;
  const Tensor<float> table({3, 2});
  const std::vector<std::int32_t> beyond{0, 1, 3}, negative{-1};
  CHECK(
      message([&] { embedding(tape.input(table), beyond); }) ==
      "embedding: token 3 at position 2 is outside the vocabulary of 3; use the tokenizer that belongs to this model");
  CHECK(
      message([&] { embedding(tape.input(table), negative); }) ==
      "embedding: token -1 at position 0 is outside the vocabulary of 3; use the tokenizer that belongs to this model");
}
