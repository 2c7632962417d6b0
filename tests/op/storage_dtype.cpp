// Values stored as bf16, the matmul input precision: which ops read them, and that results agree.
#include "tests/cases/check.hpp"
#include "tests/cases/message.hpp"

#include "neutra/op/all.hpp"

#include <deque>

using namespace cases;

namespace {

/// Value and gradients of f(vars, table, stored) in double, or with bf16 matmul and either storage dtype in between.
template <Scalar S, Backend D, class F> Outcome outcome(const std::vector<Shape>& shapes, DType stored, const F& f) {
  std::deque<Parameter<S, D>> inputs;
  for (const auto& shape : shapes)
    inputs.emplace_back("input", numbers<S, D>(shape, concat(inputs.size()), inputs.empty() ? 1.0 : 0.3));
  const RopeTable<S, D> table(70, 8, 1e4);
  Tape<S, D> tape;
  tape.start(true, std::is_same_v<S, float> ? DType::bf16 : DType::f64);
  std::vector<Var<S, D>> vars;
  for (auto& input : inputs) vars.push_back(tape.leaf(input));
  const auto y = f(vars, table, stored);
  Outcome result{as_doubles(y.value()), {}};
  const auto weights = numbers<S, D>(y.shape(), "projection");
  tape.backward(testing::weighted_sum(y, weights));
  for (const auto& input : inputs) result.gradients.push_back(as_doubles(View<const S>(input.gradient)));
  return result;
}

/// With bf16 storage, errors are at most three times those of bf16 matmul alone, on both CPU backends.
template <class F> void check_means_the_same(const std::vector<Shape>& shapes, const F& f) {
  const Outcome meant = outcome<double, Dirty<Cpu>>(shapes, DType::f64, f);
  const Outcome exact = outcome<float, Dirty<Cpu>>(shapes, DType::f32, f),
                rounded = outcome<float, Dirty<Cpu>>(shapes, DType::bf16, f);
  const Outcome plain = outcome<float, Dirty<ScalarCpu>>(shapes, DType::bf16, f);
  const auto check = [](const std::vector<double>& real, const std::vector<double>& by_products,
                        const std::vector<double>& kept, const std::vector<double>& kept_plainly) {
    const double allowed = 3 * difference(by_products, real);
    CHECK(allowed < 0.1);
    CHECK(difference(kept, real) < allowed);
    CHECK(difference(kept_plainly, real) < allowed);
  };
  check(meant.value, exact.value, rounded.value, plain.value);
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    CAPTURE(i);
    check(meant.gradients[i], exact.gradients[i], rounded.gradients[i], plain.gradients[i]);
  }
  CHECK((rounded.gradients[0] != exact.gradients[0]));
}

}  // namespace

TEST_CASE("storage dtype: a gated unit") {
  check_means_the_same({{37, 20}, {45, 20}, {45, 20}, {20, 45}}, [](const auto& v, const auto&, DType stored) {
    const auto b = linear(v[0], v[2], stored), a = linear(v[0], v[1], stored);
    return linear(gated(a, b), v[3]);
  });
}

TEST_CASE("storage dtype: one value as both operands of a gated unit") {
  check_means_the_same({{37, 20}, {45, 20}, {20, 45}}, [](const auto& v, const auto&, DType stored) {
    const auto a = linear(v[0], v[1], stored);
    return linear(gated(a, a), v[2]);
  });
}

TEST_CASE("storage dtype: attention with four query heads on two key and value heads, over two sequences") {
  check_means_the_same(
      {{140, 24}, {32, 24}, {16, 24}, {16, 24}, {20, 32}}, [](const auto& v, const auto& table, DType stored) {
        const auto q = rope(linear(v[0], v[1]), table, 70, stored), k = rope(linear(v[0], v[2]), table, 70, stored);
        return linear(attention(q, k, linear(v[0], v[3], stored), {2, 70, 4, 2, 8}), v[4]);
      });
}

TEST_CASE("storage dtype: attention whose keys are its values, with three query heads on each") {
  check_means_the_same({{70, 24}, {48, 24}, {16, 24}, {20, 48}}, [](const auto& v, const auto& table, DType stored) {
    const auto q = rope(linear(v[0], v[1]), table, 70, stored), x = linear(v[0], v[2], stored);
    return linear(attention(q, x, x, {1, 70, 6, 2, 8}), v[3]);
  });
}

TEST_CASE("storage dtype: attention of a value with itself") {
  check_means_the_same({{70, 24}, {16, 24}, {20, 16}}, [](const auto& v, const auto& table, DType stored) {
    const auto x = rope(linear(v[0], v[1]), table, 70, stored);
    return linear(attention(x, x, x, {1, 70, 2, 2, 8}), v[2]);
  });
}

TEST_CASE("storage dtype: a value stored as bf16 is the one that matmul would round it to") {
  const auto x = numbers<float, Cpu>({9, 40}, "x"), w = numbers<float, Cpu>({35, 40}, "w");
  Tape<float, Cpu> tape;
  tape.start(false, DType::bf16);
  const auto exact = linear(tape.input(x), tape.input(w)), rounded = linear(tape.input(x), tape.input(w), DType::bf16);
  CHECK(exact.dtype() == DType::f32);
  REQUIRE(rounded.dtype() == DType::bf16);
  for (Index n = 0; n < 9; ++n)
    for (Index c = 0; c < 35; ++c) CHECK(rounded.value<bf16>()(n, c) == bf16(exact.value()(n, c)));
}

TEST_CASE("storage dtype: one that the scalar cannot be rounded to is an Error") {
  const auto x = numbers<float, Cpu>({9, 40}, "x"), w = numbers<float, Cpu>({35, 40}, "w");
  Tape<float, Cpu> tape;
  tape.start();
  CHECK(message([&] { linear(tape.input(x), tape.input(w), DType::bf16); }) ==
        "product: the result is rounded to bf16 only where both operands are; give it to memory of float");
  CHECK(message([&] { tape.start(true, DType::f64); }) ==
        "Tape: numbers of float are not rounded to double; compute in float, or leave the precision out");
  Tape<double, Cpu> doubles;
  CHECK(message([&] { doubles.start(true, DType::bf16); }) ==
        "Tape: numbers of double are not rounded to bf16; compute in float, or leave the precision out");
  CHECK(message([&] { doubles.make({2, 3}, 0, DType::bf16); }) == "Tape: numbers of double are not stored as bf16");
}

TEST_CASE("storage dtype: linear_exact multiplies unrounded values, in a step of any precision") {
  Parameter<float, Cpu> x("x", numbers<float, Cpu>({9, 40}, "x")), w("w", numbers<float, Cpu>({35, 40}, "w"));
  std::vector<double> found[2];
  for (const DType precision : {DType::f32, DType::bf16}) {
    Tape<float, Cpu> tape;
    tape.start(true, precision);
    const auto y = linear_exact(tape.leaf(x), tape.leaf(w));
    auto& all = found[precision == DType::bf16];
    all = as_doubles(y.value());
    const auto weights = numbers<float, Cpu>(y.shape(), "projection");
    tape.backward(testing::weighted_sum(y, weights));
    for (auto* p : {&x, &w}) {
      const auto more = as_doubles(View<const float>(p->gradient));
      all.insert(all.end(), more.begin(), more.end());
      p->has_gradient = false;
    }
  }
  CHECK((found[0] == found[1]));
}

TEST_CASE("storage dtype: reading a value as another dtype is an Error") {
  const auto x = numbers<float, Cpu>({9, 40}, "x"), w = numbers<float, Cpu>({35, 40}, "w");
  Tape<float, Cpu> tape;
  tape.start(false, DType::bf16);
  const auto exact = linear(tape.input(x), tape.input(w)), rounded = linear(tape.input(x), tape.input(w), DType::bf16);
  CHECK(message([&] { add(rounded, rounded); }) ==
        "Tape: a value of shape (9,35) is stored as bf16 and was asked for as float; set the storage dtype in the op "
        "that made it");
  CHECK(message([&] { gated(rounded, exact); }) ==
        "Tape: a value of shape (9,35) is stored as float and was asked for as bf16; set the storage dtype in the op "
        "that made it");
  CHECK(message([&] {
          attention(rounded, exact, exact, {1, 9, 1, 1, 35});
        }) ==
        "attention: q, k and v must have one storage dtype, got bf16, float and float; pass the same DType to the ops "
        "that make them");
  const auto cut = tape.stop_gradient(rounded);
  CHECK((cut.dtype() == DType::bf16 && cut.value<bf16>().data == rounded.value<bf16>().data));
}

TEST_CASE("storage dtype: a value stored as bf16 is multiplied as bf16, whatever the current precision") {
  Parameter<float, Cpu> x("x", numbers<float, Cpu>({9, 40}, "x")), w("w", numbers<float, Cpu>({35, 40}, "w")),
      v("v", numbers<float, Cpu>({20, 35}, "v"));
  std::vector<double> gradients[2];
  for (const bool later : {false, true}) {
    Tape<float, Cpu> tape;
    tape.start(true, DType::bf16);
    const auto h = linear(tape.leaf(x), tape.leaf(w), DType::bf16);
    if (later) tape.set_precision(DType::f32);
    const auto y = linear(h, tape.leaf(v));
    const auto weights = numbers<float, Cpu>(y.shape(), "projection");
    tape.backward(testing::weighted_sum(y, weights));
    for (auto* p : {&x, &w, &v}) {
      const auto more = as_doubles(View<const float>(p->gradient));
      gradients[later].insert(gradients[later].end(), more.begin(), more.end());
      p->has_gradient = false;
    }
  }
  CHECK((gradients[0] == gradients[1]));
}
