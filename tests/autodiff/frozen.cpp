// Weights that never change: when their rows go, and that no number goes with them.
#include "tests/cases/embedding.hpp"
#include "tests/cases/linear.hpp"
#include "tests/cases/message.hpp"

#include <bit>
#include <limits>

using namespace cases;

namespace {

using Weight = Frozen<float, Cpu>;

bool same_bits(View<const float> a, View<const float> b) {
  bool same = a.shape == b.shape;
  for (Index i = 0; same && i < a.size(); ++i)
    same = std::bit_cast<std::uint32_t>(a.data[i]) == std::bit_cast<std::uint32_t>(b.data[i]);
  return same;
}

/// Numbers that bf16 has, or next to none of which it has.
Tensor<float, Cpu> weight(const Shape& shape, bool rounded) {
  auto w = numbers<float, Cpu>(shape, "w");
  for (Index i = 0; rounded && i < w.size(); ++i) w.data()[i] = static_cast<float>(bf16(w.data()[i]));
  return w;
}

DType rounded_to(bool bf16) { return bf16 ? DType::bf16 : DType::f32; }

}  // namespace

TEST_CASE("frozen: a packed weight holds its numbers in place of its rows, at any size and in either layout") {
  for (const bool bf16 : {false, true})
    for (const bool transposed : {false, true})
      for (const Index out : {1, 16, 31, 33, 64, 70})
        for (const Index in : {1, 2, 7, 32, 65, 513, 1025}) {
          CAPTURE(bf16, transposed, out, in);
          const auto start = weight({out, in}, bf16);
          const Weight w("w", start.clone());
          w.packed(transposed, rounded_to(bf16));
          CHECK(w.rows() == nullptr);
          CHECK(same_bits(w.copy(), start));
          w.packed(!transposed, rounded_to(bf16));  // made from the first
          CHECK(w.rows() == nullptr);
          CHECK(same_bits(w.copy(), start));
        }
}

TEST_CASE("frozen: numbers of every kind come back to the bit") {
  using Limits = std::numeric_limits<float>;
  Tensor<float, Cpu> start({2, 40});
  const float kinds[] = {-0.0f,         Limits::infinity(),   -Limits::infinity(),
                         Limits::max(), Limits::denorm_min(), Limits::quiet_NaN(),
                         1.0f / 3};
  for (Index i = 0; i < start.size(); ++i) start.data()[i] = kinds[i % 7];
  for (const bool bf16 : {false, true}) {
    const Weight w("w", start.clone());
    w.packed(true, rounded_to(bf16));
    CHECK((w.rows() == nullptr) == !bf16);  // bf16 lacks a third
    CHECK(same_bits(w.copy(), start));
  }
}

TEST_CASE("frozen: a weight of double gives its rows up as well") {
  const auto start = numbers<double, Cpu>({33, 300}, "w");
  const Frozen<double, Cpu> w("w", start.clone());
  w.packed(true, DType::f64);
  CHECK(w.rows() == nullptr);
  CHECK(as_doubles(View<const double>(w.copy())) == as_doubles(View<const double>(start)));
}

TEST_CASE("frozen: only a matrix is packed") {
  const Weight w("norm", numbers<float, Cpu>({16}, "w"));
  CHECK(message([&] { w.packed(true, DType::f32); }) ==
        "Frozen: only a matrix is packed for products, got norm of shape (16)");
}

TEST_CASE("frozen: the first product packs, and stop_gradient does not bring the rows back") {
  const Weight w("w", weight({35, 600}, true));
  Tape<float, Cpu> tape;
  tape.start(false);
  const auto x = numbers<float, Cpu>({1, 600}, "x");
  linear(tape.input(x.view()), tape.constant(w));
  CHECK(w.rows() == nullptr);
  const auto still = tape.stop_gradient(tape.constant(w));
  CHECK(w.rows() == nullptr);
  CHECK(same_bits(still.value(), w.value()));
}

TEST_CASE("frozen: one number that bf16 lacks keeps the rows, wherever it stands") {
  for (const Index at : {0, 1, 64, 999, 70 * 65 - 1}) {
    CAPTURE(at);
    auto start = weight({70, 65}, true);
    start.data()[at] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(start.data()[at]) | 1u);
    const Weight w("w", start.clone());
    w.packed(true, DType::bf16);
    w.packed(false, DType::bf16);
    REQUIRE(w.rows() != nullptr);
    CHECK(same_bits(*w.rows(), start));
    w.packed(false, DType::f32);
    CHECK(w.rows() == nullptr);
    CHECK(same_bits(w.copy(), start));
  }
}

TEST_CASE("frozen: who asks for the rows has them from then on, before the first product or after") {
  const auto start = weight({33, 40}, false);
  const Weight before("before", start.clone()), after("after", start.clone());
  const float* rows = before.value().data();
  before.packed(true, DType::f32);
  CHECK(before.value().data() == rows);
  after.packed(true, DType::f32);
  CHECK(after.rows() == nullptr);
  rows = after.value().data();
  after.packed(false, DType::f32);
  CHECK(after.value().data() == rows);
  CHECK(same_bits(after.value(), start));
  const Weight head("head", start.clone());  // its parts are for a loss, its rows for whoever wants some
  head.parts(true, DType::f32);
  CHECK(head.rows() != nullptr);
}

TEST_CASE("frozen: scores of a head whose parts a loss has packed come from these, with the same bits") {
  const auto start = weight({2500, 1100}, false), x = numbers<float, Cpu>({3, 1100}, "x"),
             addend = numbers<float, Cpu>({3, 2500}, "addend");
  for (const bool bf16 : {false, true}) {
    CAPTURE(bf16);
    const Weight whole("whole", start.clone()), head("head", start.clone());
    head.packed(true, rounded_to(bf16));
    CHECK_FALSE(head.in_parts(true, rounded_to(bf16)));
    head.parts(true, rounded_to(bf16));
    CHECK(head.in_parts(true, rounded_to(bf16)));
    CHECK_FALSE(head.in_parts(true, rounded_to(!bf16)));
    CHECK_FALSE(head.in_parts(false, rounded_to(bf16)));
    CHECK(same_bits(head.value(), start));
    Tape<float, Cpu> tape;
    tape.start(false, rounded_to(bf16));
    const auto scores = [&](const Weight& w, DType stored) {
      return linear(tape.input(x.view()), tape.constant(w), stored);
    };
    CHECK(same_bits(scores(whole, DType::f32).value(), scores(head, DType::f32).value()));
    if (bf16) {
      const auto one = scores(whole, DType::bf16).value<neutra::bf16>(),
                 other = scores(head, DType::bf16).value<neutra::bf16>();
      CHECK(std::equal(one.data, one.data + one.size(), other.data,
                       [](auto a, auto b) { return static_cast<float>(a) == static_cast<float>(b); }));
    }
    const auto added = [&](const Weight& w) {
      return linear(tape.input(x.view()), tape.constant(w), tape.input(addend.view())).value();
    };
    CHECK(same_bits(added(whole), added(head)));
  }
}

TEST_CASE(
    "frozen: a product of few rows has the same bits where the rows are gone, and reads them by value where an op "
    "asks") {
  const auto start = weight({35, 600}, true);
  for (const bool bf16 : {false, true})
    for (const bool gone_as_bf16 : {false, true}) {
      CAPTURE(bf16, gone_as_bf16);
      const Weight here("here", start.clone()), gone("gone", start.clone());
      gone.packed(true, rounded_to(gone_as_bf16));
      CHECK(gone.rows() == nullptr);
      Tape<float, Cpu> tape;
      tape.start(false, rounded_to(bf16));
      const auto x = numbers<float, Cpu>({3, 600}, "x");
      const auto y = [&](const Weight& w) { return linear(tape.input(x.view()), tape.constant(w)).value(); };
      CHECK(same_bits(y(here), y(gone)));
      CHECK(gone.rows() == nullptr);
      const std::int32_t tokens[] = {34, 0};
      CHECK(same_bits(embedding(tape.constant(gone), tokens).value().slice(0, 1), start.view().slice(34, 1)));
      CHECK(gone.rows() != nullptr);
    }
}
