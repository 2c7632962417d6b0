// Frozen weights: when the row-major copy is freed, and that packing loses no element.
#include "neutra/op/cross_entropy.hpp"
#include "neutra/op/embedding.hpp"

#include "tests/cases/linear.hpp"
#include "tests/cases/message.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <limits>
#include <memory>
#include <thread>

using namespace cases;

namespace {

using FrozenWeight = Frozen<float, Cpu>;
constexpr Forms packed{.packed = true};

bool same_bits(View<const float> a, View<const float> b) {
  bool same = a.shape == b.shape;
  for (Index i = 0; same && i < a.size(); ++i)
    same = std::bit_cast<std::uint32_t>(a.data[i]) == std::bit_cast<std::uint32_t>(b.data[i]);
  return same;
}

/// Numbers that are exact in bf16, or almost none of which are.
Tensor<float, Cpu> weight(const Shape& shape, bool rounded) {
  auto w = numbers<float, Cpu>(shape, "w");
  for (Index i = 0; rounded && i < w.size(); ++i) w.data()[i] = static_cast<float>(bf16(w.data()[i]));
  return w;
}

DType rounded_to(bool bf16) { return bf16 ? DType::bf16 : DType::f32; }

}  // namespace

TEST_CASE("frozen: packing replaces the row-major copy, at any size") {
  for (const bool bf16 : {false, true})
    for (const Index out : {1, 16, 31, 33, 64, 70})
      for (const Index in : {1, 2, 7, 32, 65, 513, 1025}) {
        CAPTURE(bf16, out, in);
        const auto start = weight({out, in}, bf16);
        const FrozenWeight w("w", start.clone(), packed, rounded_to(bf16));
        CHECK(w.rows() == nullptr);
        CHECK(w.packed(rounded_to(bf16)) != nullptr);
        CHECK(w.packed(rounded_to(!bf16)) == nullptr);
        CHECK(same_bits(w.copy(), start));
      }
}

TEST_CASE("frozen: numbers of every kind are unpacked bit for bit") {
  using Limits = std::numeric_limits<float>;
  Tensor<float, Cpu> start({2, 40});
  const float kinds[] = {-0.0f,         Limits::infinity(),   -Limits::infinity(),
                         Limits::max(), Limits::denorm_min(), Limits::quiet_NaN(),
                         1.0f / 3};
  for (Index i = 0; i < start.size(); ++i) start.data()[i] = kinds[i % 7];
  for (const bool bf16 : {false, true}) {
    const FrozenWeight w("w", start.clone(), packed, rounded_to(bf16));
    CHECK((w.rows() == nullptr) == !bf16);  // a third are not exact in bf16
    CHECK(same_bits(w.copy(), start));
  }
}

TEST_CASE("frozen: the row-major copy of a weight of double is freed too") {
  const auto start = numbers<double, Cpu>({33, 300}, "w");
  const Frozen<double, Cpu> w("w", start.clone(), packed);
  CHECK(w.rows() == nullptr);
  CHECK(as_doubles(View<const double>(w.copy())) == as_doubles(View<const double>(start)));
}

TEST_CASE("frozen: only a matrix is packed, and only in a precision to which its scalar can be rounded") {
  CHECK(message([&] { FrozenWeight("norm", numbers<float, Cpu>({16}, "w"), packed); }) ==
        "Frozen: only a matrix can be packed for matmul, got norm of shape (16)");
  CHECK(message([&] {
          Frozen<double, Cpu>("w", numbers<double, Cpu>({4, 4}, "w"), packed, DType::bf16);
        }) == "product: numbers of double are not rounded to bf16; compute in float, or leave the precision out");
}

TEST_CASE("frozen: one element that is not exact in bf16 keeps the row-major copy, wherever it is") {
  for (const Index at : {0, 1, 64, 999, 70 * 65 - 1}) {
    CAPTURE(at);
    auto start = weight({70, 65}, true);
    start.data()[at] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(start.data()[at]) | 1u);
    const FrozenWeight w("w", start.clone(), packed, DType::bf16);
    REQUIRE(w.rows() != nullptr);
    CHECK(same_bits(w.value(), start));
  }
}

TEST_CASE("frozen: the row-major copy remains if it is requested, and for a loss that reads chunks") {
  const auto start = weight({33, 40}, false);
  const FrozenWeight rows("rows", start.clone(), {.packed = true, .rows = true}),
      head("head", start.clone(), {.packed = true, .in_chunks = true}), plain("plain", start.clone()),
      freed("freed", start.clone(), packed);
  for (const FrozenWeight* w : {&rows, &head, &plain}) CHECK(same_bits(w->value(), start));
  CHECK(
      message([&] { freed.value(); }) ==
      "Frozen: the row-major copy of freed was freed when it was packed; set Forms::rows to keep it, or take a copy()");
  Tape<float, Cpu> tape;
  tape.start(false);
  CHECK(tape.stop_gradient(tape.constant(freed)).shape() == Shape{33, 40});  // reads nothing
}

TEST_CASE("frozen: a head packed in chunks gives bit-equal logits") {
  const auto start = weight({2500, 1100}, false), x = numbers<float, Cpu>({3, 1100}, "x"),
             addend = numbers<float, Cpu>({3, 2500}, "addend");
  for (const bool bf16 : {false, true}) {
    CAPTURE(bf16);
    const FrozenWeight whole("whole", start.clone(), packed, rounded_to(bf16)),
        head("head", start.clone(), {.packed = true, .in_chunks = true}, rounded_to(bf16));
    CHECK(head.packed(rounded_to(bf16)) == nullptr);
    CHECK(head.chunks(rounded_to(bf16)).size() == 3);
    CHECK(head.chunks(rounded_to(!bf16)).empty());
    Tape<float, Cpu> tape;
    tape.start(false, rounded_to(bf16));
    const auto scores = [&](const FrozenWeight& w, DType stored) {
      return linear(tape.input(x.view()), tape.constant(w), stored);
    };
    CHECK(same_bits(scores(whole, DType::f32).value(), scores(head, DType::f32).value()));
    if (bf16) {
      const auto one = scores(whole, DType::bf16).value<neutra::bf16>(),
                 other = scores(head, DType::bf16).value<neutra::bf16>();
      CHECK(std::equal(one.data, one.data + one.size(), other.data,
                       [](auto a, auto b) { return static_cast<float>(a) == static_cast<float>(b); }));
    }
    const auto added = [&](const FrozenWeight& w) {
      return linear(tape.input(x.view()), tape.constant(w), tape.input(addend.view())).value();
    };
    CHECK(same_bits(added(whole), added(head)));
  }
}

TEST_CASE(
    "frozen: matmuls for which a weight is not packed give equal bits, forward and backward, and change nothing") {
  const auto start = weight({35, 600}, true), x = numbers<float, Cpu>({3, 600}, "x"),
             weights = numbers<float, Cpu>({3, 35}, "weights");
  for (const bool bf16 : {false, true}) {
    const FrozenWeight ready("ready", start.clone(), packed, rounded_to(bf16)), rows("rows", start.clone()),
        otherwise("otherwise", start.clone(), packed, rounded_to(!bf16)),
        in_chunks("in parts", start.clone(), {.packed = true, .in_chunks = true}, rounded_to(bf16));
    const auto numbers_of = [&](const FrozenWeight& w) {
      Tape<float, Cpu> tape;
      tape.start(true, rounded_to(bf16));
      Tensor<float, Cpu> dx({3, 600});
      const auto y = linear(tape.input(x.view(), dx.data()), tape.constant(w));
      auto all = as_doubles(y.value());
      tape.backward(testing::weighted_sum(y, weights));
      const auto more = as_doubles(View<const float>(dx));
      all.insert(all.end(), more.begin(), more.end());
      return all;
    };
    const auto wanted = numbers_of(ready);
    for (const FrozenWeight* w : {&rows, &otherwise, &in_chunks}) {
      CAPTURE(bf16, w->name);
      const bool there = w->rows() != nullptr;
      CHECK(numbers_of(*w) == wanted);
      CHECK((w->rows() != nullptr) == there);
    }
  }
}

TEST_CASE("frozen: a weight that is stored rounded keeps its type, and lent memory is used until it is made") {
  for (const bool precise : {false, true})
    for (const Forms& forms : {Forms{.rows = true}, packed, Forms{.packed = true, .in_chunks = true}}) {
      CAPTURE(precise, forms.packed, forms.in_chunks);
      const auto start = weight({70, 65}, true);
      Tensor<bf16> stored({70, 65});
      std::transform(start.data(), start.data() + start.size(), stored.data(), [](float x) { return bf16(x); });
      const auto lender = std::make_shared<const int>(0);
      const DType precision = rounded_to(!precise);
      const FrozenWeight w("w", RowMajor<float, Cpu>(View<const bf16>(stored.view()), lender), forms, precision),
          plain("plain", start.clone(), forms, precision);
      CHECK(lender.use_count() == 1);  // no longer lent
      std::fill_n(stored.data(), stored.size(), bf16());
      CHECK((w.rows() == nullptr) == (plain.rows() == nullptr));
      if (w.rows()) CHECK(w.rows()->dtype == DType::bf16);
      if (w.rows()) CHECK(message([&] { w.value(); }) == "Frozen: w is stored as bf16; take a copy()");
      CHECK(same_bits(w.copy(), start));
      Tensor<float> some({3, 65});
      w.read(some.view(), 33);
      CHECK(same_bits(some, View<const float>(start.view()).slice(33, 3)));
    }
}

TEST_CASE("frozen: an embedding and a loss read rounded rows as they read widened ones") {
  const auto start = weight({40, 33}, true), x = numbers<float, Cpu>({5, 33}, "x");
  Tensor<bf16, Cpu> stored({40, 33});
  std::transform(start.data(), start.data() + start.size(), stored.data(), [](float v) { return bf16(v); });
  const std::vector<std::int32_t> tokens{3, 39, 0, 3, 21};
  for (const DType precision : {DType::f32, DType::bf16})
    for (const Forms& forms : {Forms{.rows = true}, Forms{.packed = true, .in_chunks = true}}) {
      const auto numbers_of = [&](const FrozenWeight& w) {
        Tape<float, Cpu> tape;
        tape.start(true, precision);
        auto all = as_doubles(embedding(tape.constant(w), tokens).value());
        Tensor<float, Cpu> dx({5, 33});
        const auto loss = cross_entropy(tape.input(x.view(), dx.data()), tape.constant(w), tokens, 1);
        all.push_back(loss.item());
        tape.backward(loss);
        const auto more = as_doubles(View<const float>(dx));
        all.insert(all.end(), more.begin(), more.end());
        return all;
      };
      const FrozenWeight rounded("w", stored.clone(), forms, precision), widened("w", start.clone(), forms, precision);
      CHECK(numbers_of(rounded) == numbers_of(widened));
    }
}

TEST_CASE("frozen: threads share a weight") {
  const FrozenWeight w("w", weight({70, 65}, true), packed);
  const auto x = numbers<float, Cpu>({3, 65}, "x");
  std::array<std::vector<double>, 4> found;
  const auto work = [&](std::vector<double>& into) {
    Tape<float, Cpu> tape;
    for (int round = 0; round < 20; ++round) {
      tape.start(false);
      into = as_doubles(linear(tape.input(x.view()), tape.constant(w)).value());
    }
  };
  std::vector<std::thread> threads;
  for (auto& into : found) threads.emplace_back(work, std::ref(into));
  for (auto& thread : threads) thread.join();
  for (const auto& each : found) CHECK((!each.empty() && each == found[0]));
}
