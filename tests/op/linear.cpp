#include "tests/cases/linear.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("linear: value, gradients, SIMD and scalar") {
  check_all<cases::Linear<cases::Addend::none>>();
  check_all<cases::Linear<cases::Addend::rows>>();
  check_all<cases::Linear<cases::Addend::bias>>();
}

// K = 600: two blocks for SIMD, one chain for the scalar backend, so that neither can be mistaken for the other.
TEMPLATE_TEST_CASE("linear: a frozen weight, packed or not, gives the bits of a trained one, forward and backward", "",
                   Cpu, ScalarCpu) {
  using D = TestType;
  const Index in = 600, out = 35;
  Parameter<float, D> trained("w", numbers<float, D>({out, in}, "w"));
  const Frozen<float, D> frozen("w", numbers<float, D>({out, in}, "w"), {.packed = true});
  for (const Index rows : {1, 7, 8, 9, 40}) {
    CAPTURE(rows);
    std::vector<double> value[2], dx[2];
    for (const bool packed : {false, true}) {
      Parameter<float, D> x("x", numbers<float, D>({rows, in}, "x"));
      Tape<float, D> tape;
      tape.start();
      const auto y = linear(tape.leaf(x), packed ? tape.constant(frozen) : tape.leaf(trained));
      value[packed] = as_doubles(y.value());
      tape.backward(testing::weighted_sum(y, numbers<float, D>(y.shape(), "projection")));
      dx[packed] = as_doubles(View<const float>(x.gradient));
    }
    CHECK(value[0] == value[1]);
    CHECK(dx[0] == dx[1]);
  }
}

TEST_CASE("linear: one value as x, weight and addend") {
  std::vector<Tensor<double, Cpu>> inputs;
  inputs.push_back(numbers<double, Cpu>({4, 4}, "x"));
  CHECK(testing::gradient_error<Cpu>(inputs, [](auto&, auto& v) { return linear(v[0], v[0], v[0]); }) < 1e-7);
}

template <class T>
concept TakesTemporaries = requires(T& tape, Frozen<double, Cpu>&& weight) {
  tape.constant(std::move(weight));
};
static_assert(!TakesTemporaries<Tape<double, Cpu>>);  // the weight must outlive the step

TEST_CASE("linear: a constant weight gets no gradient, and x is not saved") {
  const Frozen<double, Cpu> v("v", numbers<double, Cpu>({4, 4}, "v"), {.packed = true}),
      w("w", numbers<double, Cpu>({3, 4}, "w"), {.packed = true});
  const auto bits = w.copy();
  Parameter<double, Cpu> x("x", numbers<double, Cpu>({2, 4}, "x"));
  Tape<double, Cpu> tape;
  tape.start();
  Var<double, Cpu> hidden, y;
  {
    Tape<double, Cpu>::Scope scope(tape);
    hidden = linear(tape.leaf(x), tape.constant(v));
    y = scope.keep(linear(hidden, tape.constant(w)));
  }
  CHECK_THROWS_AS(hidden.value(), Error);
  const auto projection = numbers<double, Cpu>({2, 3}, "projection");
  tape.backward(testing::weighted_sum(y, projection));
  const auto after = w.copy(), first = v.copy();
  CHECK(as_doubles(View<const double>(after)) == as_doubles(View<const double>(bits)));
  // dx = (projection W) V
  std::vector<double> expected;
  for (Index n = 0; n < 2; ++n)
    for (Index i = 0; i < 4; ++i) {
      double sum = 0;
      for (Index o = 0; o < 3; ++o)
        for (Index h = 0; h < 4; ++h) sum += projection.view()(n, o) * after.view()(o, h) * first.view()(h, i);
      expected.push_back(sum);
    }
  CHECK(difference(as_doubles(View<const double>(x.gradient)), expected) < 1e-14);
}

TEST_CASE("linear: shapes that do not agree are an Error with both shapes") {
  Tape<float, Cpu> tape;
  const Tensor<float> x({2, 3}), w({4, 5}), flat({3}), square({4, 3}), wrong({2, 3});
  CHECK(message([&] { linear(tape.input(x), tape.input(w)); }) ==
        "linear: W must be (O,I) with I = 3, got (4,5); x is (2,3)");
  CHECK(message([&] { linear(tape.input(x), tape.input(flat)); }) ==
        "linear: W must be (O,I) with I = 3, got (3); x is (2,3)");
  CHECK(message([&] { linear(tape.input(x), tape.input(square), tape.input(wrong)); }) ==
        "linear: addend must be (2,4) or a bias (4), got (2,3)");
}
