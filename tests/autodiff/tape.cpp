#include "neutra/autodiff/recompute.hpp"
#include "neutra/op/all.hpp"
#include "neutra/testing/check_gradient.hpp"

#include "tests/allocations.hpp"
#include "tests/autodiff/square.hpp"
#include "tests/cases/check.hpp"
#include "tests/cases/message.hpp"

#include <memory>

using namespace neutra;
using cases::as_doubles;
using cases::Dirty;
using cases::numbers;

namespace {

using Device = Dirty<Cpu>;
using Tapes = Tape<float, Device>;
using Value = Var<float, Device>;
using Numbers = std::vector<double>;

Parameter<float, Device> parameter(const Shape& shape, float value) {
  Parameter<float, Device> made("p", Tensor<float, Device>(shape));
  std::fill_n(made.value.data(), shape.size(), value);
  return made;
}

Numbers gradient(const Parameter<float, Device>& parameter) { return as_doubles(parameter.gradient.view()); }

}  // namespace

TEST_CASE("tape: the first contribution overwrites a gradient, later ones add") {
  auto p = parameter({1}, 3);
  p.gradient.data()[0] = 1000;
  Tapes tape;
  tape.start();
  const auto x = tape.leaf(p);
  tape.backward(add(pointwise(x, Square{}), x, 5));
  CHECK(gradient(p) == Numbers{2 * 3 + 5});
  CHECK(p.has_gradient);
}

TEST_CASE("tape: a parameter that is not trained is a constant") {
  auto p = parameter({1}, 3), fixed = parameter({1}, 2);
  fixed.trained = false;
  Tapes tape;
  tape.start();
  const auto x = tape.leaf(p), c = tape.leaf(fixed);
  CHECK_FALSE(pointwise(c, Square{}).needs_gradient());
  tape.backward(add(x, c, 5));
  CHECK(gradient(p) == Numbers{1});
  CHECK_FALSE(fixed.has_gradient);
  tape.start();
  CHECK_THROWS_AS(tape.backward(pointwise(tape.leaf(fixed), Square{})), Error);
}

TEST_CASE("tape: one parameter used twice, as two leaves and as one") {
  auto p = parameter({1}, 3);
  Tapes tape;
  tape.start();
  const auto x = tape.leaf(p);
  const auto product = gated(tape.leaf(p), pointwise(x, Square{}));
  tape.backward(add(add(x, x), product));
  const double s = 1 / (1 + std::exp(-3.0)), silu = 3 * s, slope = s + silu * (1 - s);
  CHECK(gradient(p)[0] == Approx(2 + slope * 9 + silu * 6).epsilon(1e-6));
}

TEST_CASE("tape: micro-batches accumulate until has_gradient is reset") {
  auto p = parameter({2, 1}, 1);
  const auto step = [&](float slope) {
    Tapes tape;
    tape.start();
    Tensor<float, Device> w({1, 2});
    w.data()[0] = w.data()[1] = slope;
    Tensor<float, Device> one({1, 1});
    one.data()[0] = 1;
    tape.backward(testing::weighted_sum(tape.leaf(p), w));
  };
  step(2);
  CHECK(gradient(p) == Numbers{2, 2});
  step(5);
  CHECK(gradient(p) == Numbers{7, 7});
  p.has_gradient = false;
  step(1);
  CHECK(gradient(p) == Numbers{1, 1});
}

TEST_CASE("tape: the seed of backward scales every gradient") {
  auto p = parameter({1}, 3);
  Tapes tape;
  tape.start();
  tape.backward(pointwise(tape.leaf(p), Square{}), 0.25f);
  CHECK(gradient(p) == Numbers{1.5});
}

TEST_CASE("tape: a Var of an earlier step, of another tape, or of none is an Error") {
  auto p = parameter({1}, 3);
  Tapes tape, other;
  tape.start();
  const auto x = tape.leaf(p);
  tape.start();
  const std::string stale =
      "Tape: a Var of step 1 was used in step 2; a Var is valid until the next start(), make a new one";
  CHECK(message([&] { x.value(); }) == stale);
  CHECK(message([&] { x.shape(); }) == stale);
  CHECK(message([&] { x.item(); }) == stale);
  CHECK(message([&] { pointwise(x, Square{}); }) == stale);
  CHECK(message([&] { add(tape.leaf(p), x); }) == stale);
  CHECK(message([&] { tape.backward(x); }) == stale);
  other.start();
  other.start();
  const auto foreign = other.leaf(p);
  CHECK(message([&] { add(tape.leaf(p), foreign); }) ==
        "Tape: a Var of another tape was used; the inputs of an op must be on one tape");
  CHECK(message([&] { Value().value(); }) == "Var: this handle was never given a value; assign it the result of an op");
}

TEST_CASE("tape: a value is an Error once its scope, or the backward pass, released it") {
  auto p = parameter({2, 3}, 1);
  Tapes tape;
  tape.start(false);
  Value inside, kept;
  {
    Tapes::Scope scope(tape);
    inside = pointwise(tape.leaf(p), Square{});
    kept = scope.keep(pointwise(inside, Square{}));
  }
  CHECK(kept.value()(1, 2) == 1);
  CHECK(message([&] { inside.value(); }) ==
        "Tape: a value of shape (2,3) was read after its scope or the backward pass released it; read it earlier, or "
        "return it through Scope::keep");
  tape.start();
  const auto middle = pointwise(tape.leaf(p), Square{}), loss = testing::weighted_sum(middle, p.value);
  tape.backward(loss);
  CHECK_THROWS_AS(middle.value(), Error);
  CHECK(loss.item() == 6);  // scalars remain readable
}

TEST_CASE("tape: layers at inference reuse the memory of the layers before them") {
  auto p = parameter({64, 33}, 0.5f);
  const auto held = [&](int layers, bool taken) {
    Tapes tape;
    tape.start(false);
    auto x = pointwise(tape.leaf(p), Square{});
    for (int layer = 0; layer < layers; ++layer) {
      Tapes::Scope scope(tape, taken ? x : Value());
      const auto hidden = pointwise(pointwise(x, Square{}), Square{});
      x = scope.keep(add(x, hidden));
    }
    return tape.memory_held();
  };
  CHECK(held(2, true) == held(50, true));
  CHECK(held(2, false) < held(50, false));  // no scope released the stream
}

TEST_CASE("tape: in training a scope keeps the values saved for backward, and no others") {
  auto p = parameter({1, 40}, 0.5f), q = parameter({1, 40}, 1.0f);
  Tapes tape;
  tape.start();
  Value read, not_read, loss;
  {
    Tapes::Scope scope(tape);
    const auto x = tape.leaf(p);
    not_read = add(x, x);     // add saves nothing, and the next add reads nothing
    read = add(not_read, x);  // read by pointwise
    const auto y = pointwise(read, Square{});
    loss = scope.keep(testing::weighted_sum(y, q.value));
  }
  CHECK_THROWS_AS(not_read.value(), Error);
  CHECK(read.value()(0, 0) == 1.5f);
  tape.backward(loss);
  CHECK(gradient(p) == Numbers(40, 2 * 1.5 * 3));
}

TEST_CASE("tape: stop_gradient passes the value and stops the gradient") {
  auto p = parameter({1}, 3);
  Tapes tape;
  tape.start();
  const auto x = tape.leaf(p), y = pointwise(x, Square{}), cut = tape.stop_gradient(y);
  CHECK(cut.item() == 9);
  CHECK_FALSE(cut.needs_gradient());
  tape.backward(gated(cut, y));  // silu(9) as a constant, times y
  const double silu = 9 / (1 + std::exp(-9.0));
  CHECK(gradient(p)[0] == Approx(silu * 6).epsilon(1e-6));
}

TEST_CASE("tape: the memory of a value passed to stop_gradient outlives its scope") {
  auto p = parameter({1, 40}, 3);
  Tapes tape;
  tape.start();
  Value cut;
  {
    Tapes::Scope scope(tape);
    cut = scope.keep(tape.stop_gradient(pointwise(tape.leaf(p), Square{})));
  }
  const auto later = tape.make({1, 40});
  std::fill_n(tape.out(later).data, 40, -1.0f);
  CHECK(cut.value()(0, 39) == 9);
}

namespace {

int filled = 0;

/// y = x^2 by rematerialise(), which is counted; saves x.
Value refillable_square(Value x) {
  auto& tape = x.tape();
  const auto y = tape.make(x.shape());
  tape.rematerialise(y, {x}, [=](Tapes& t) {
    ++filled;
    Device::rows<float>(x.shape().rows(), x.shape().cols(),
                        op::PointwiseForward<float, Square>{x.value(), t.out(y), {}});
  });
  tape.record(y, {x}, {x}, [=](Tapes& t) {
    Device::rows<float>(x.shape().rows(), x.shape().cols(),
                        op::PointwiseBackward<float, Square>{x.value(), x.value(), t.gradient(y), t.into(x), {}});
  });
  return y;
}

/// y = 2x by rematerialise(), with the factor in scratch memory; saves nothing.
Value refillable_double(Value x) {
  auto& tape = x.tape();
  const auto y = tape.make(x.shape());
  float* factor = tape.memory<float>(1);
  *factor = 2;
  const auto scaled = [](View<const float> from, Into<float> to, float by) {
    op::Accumulate<float, Device>::run(from, to, by);
  };
  tape.rematerialise(y, {x}, [=](Tapes& t) { scaled(x.value(), {t.out(y)}, *factor); });
  tape.record(y, {x}, {}, [=](Tapes& t) { scaled(t.gradient(y), t.into(x), 2); });
  return y;
}

const Shape wide{3, 40};

/// Overwrites the free blocks of the pool, as later ops would.
void spoil(Tapes& tape) {
  for (int i = 0; i < 8; ++i) {
    std::fill_n(tape.out(tape.make(wide)).data, wide.size(), -7.0f);
    *tape.memory<float>(1) = -7;
  }
}

/// The derivative of the sum of f(x^2) at x = 1.25. f runs in a scope that ends before other values are made, or
/// without a scope.
template <class F> Numbers gradient_through(bool scoped, const F& f) {
  auto p = parameter(wide, 1.25f);
  const auto ones = parameter(wide, 1);
  Tapes tape;
  tape.start();
  auto y = pointwise(tape.leaf(p), Square{});
  {
    std::optional<Tapes::Scope> scope;
    if (scoped) scope.emplace(tape);
    y = f(y);
    if (scoped) scope->keep(y);
  }
  if (scoped) spoil(tape);
  tape.backward(testing::weighted_sum(y, ones.value));
  return gradient(p);
}

}  // namespace

TEST_CASE("tape: a value made by rematerialise() is released with its scope, and rematerialised when it is read") {
  const auto f = [](Value x) {
    return pointwise(refillable_square(refillable_square(x)), Square{});
  };  // (x^2)^8 and by x: 16 x^15
  const auto plain = gradient_through(false, f);
  CHECK(plain[0] == Approx(16 * std::pow(1.25, 15)).epsilon(1e-5));
  filled = 0;
  CHECK(gradient_through(true, f) == plain);
  CHECK(filled == 4);  // each of the two twice

  auto p = parameter(wide, 1.25f);
  const auto held = [&](bool refillable) {
    Tapes tape;
    tape.start();
    auto x = tape.leaf(p);
    for (int block = 0; block < 20; ++block) {
      Tapes::Scope scope(tape);
      x = scope.keep(pointwise(refillable ? refillable_square(x) : pointwise(x, Square{}), Square{}));
    }
    return tape.memory_held();
  };
  CHECK(held(true) < 0.6 * static_cast<double>(held(false)));
}

TEST_CASE("tape: a value is stored if its inputs are released or if it has a second reader") {
  const auto cut = [](Value x) {
    const auto y = refillable_square(x);
    return gated(y, y.tape().stop_gradient(y));
  };
  CHECK(gradient_through(true, cut) == gradient_through(false, cut));
  const auto of_a_sum = [](Value x) {
    return pointwise(refillable_double(refillable_double(add(x, x))), Square{});
  };  // the sum is not saved
  CHECK(gradient_through(true, of_a_sum) == gradient_through(false, of_a_sum));
  const auto nested = [](Value x) {  // the inner value is released with its own scope
    Tapes::Scope inner(x.tape());
    const auto y = inner.keep(refillable_double(refillable_double(add(x, x))));
    return y;
  };
  const auto of_nested = [&](Value x) { return pointwise(nested(x), Square{}); };
  CHECK(gradient_through(true, of_nested) == gradient_through(false, of_nested));
  // The output that recompute stores can be rematerialised, but its factor cannot.
  const auto recomputed = [](Value x) {
    return pointwise(recompute(x, [](Value in) { return Made<float, Device>{refillable_double(in)}; }).y, Square{});
  };
  CHECK(gradient_through(true, recomputed) == gradient_through(false, recomputed));
}

TEST_CASE("tape: a long chain of rematerialised values is cut at a limit") {
  auto p = parameter({1, 1}, 1);
  Tapes tape;
  tape.start();
  Value y;
  {
    Tapes::Scope scope(tape);
    auto x = tape.make({1, 2});
    std::fill_n(tape.out(x).data, 2, 1.0f);
    for (int i = 0; i < 100000; ++i) x = refillable_square(x);
    y = x;
    tape.record(scope.keep(tape.make({})), {tape.leaf(p)}, {y}, [](Tapes&) {});
  }
  CHECK(y.value()(0, 1) == 1);
}

TEST_CASE("tape: no input is stored only to rematerialise another value") {
  auto p = parameter(wide, 2);
  Tapes tape;
  tape.start();
  Value sum, y;
  {
    Tapes::Scope scope(tape);
    sum = add(tape.leaf(p), tape.leaf(p));
    y = refillable_double(sum);
    scope.keep(pointwise(y, Square{}));
  }
  CHECK_THROWS_AS(sum.value(), Error);
  CHECK(y.value()(0, 0) == 8);
}

TEST_CASE("tape: at inference nothing is recorded for rematerialisation") {
  auto p = parameter(wide, 2);
  Tapes tape;
  tape.start(false);
  Value y;
  {
    Tapes::Scope scope(tape);
    y = refillable_square(tape.leaf(p));
  }
  CHECK_THROWS_AS(y.value(), Error);
}

TEST_CASE("tape: a gradient that passes a sum unchanged is moved, once") {
  auto p = parameter(wide, 2);
  const auto ones = parameter(wide, 1);
  Tapes tape;
  tape.start();
  const auto x = pointwise(tape.leaf(p), Square{}), y = pointwise(tape.leaf(p), Square{});
  const auto sum = add(add(x, y), x);  // dx twice
  const auto before = tape.memory_held();
  tape.backward(testing::weighted_sum(sum, ones.value));
  CHECK(gradient(p) == Numbers(120, 2 * 4 + 4));
  CHECK(tape.memory_held() - before <=
        2 * Pool<Device>::size_class(120 * sizeof(float)) + 128);  // dx, and dsum, which becomes that of a part
}

TEST_CASE("tape: a loss without trainable parameters, or with several elements, is an Error") {
  auto p = parameter({1}, 3), table = parameter({2, 3}, 1);
  Tapes tape;
  tape.start();
  const std::string nothing =
      "backward: the loss depends on no trainable parameter; was the tape started with recording, and does the loss "
      "use a Parameter?";
  CHECK(message([&] { tape.backward(pointwise(tape.input(p.value.view()), Square{})); }) == nothing);
  CHECK(message([&] { tape.backward(tape.stop_gradient(tape.leaf(p))); }) == nothing);
  CHECK(message([&] { tape.backward(tape.leaf(table)); }) ==
        "backward: the loss must have one element, its shape is (2,3)");
  CHECK(message([&] { tape.leaf(table).item(); }) == "item: the value must have one element, its shape is (2,3)");
  tape.start(false);
  CHECK(message([&] { tape.backward(pointwise(tape.leaf(p), Square{})); }) == nothing);
  CHECK_FALSE(p.has_gradient);
}

TEST_CASE("tape: a second backward pass in one step is an Error, not silence") {
  auto p = parameter({1}, 3);
  Tapes tape;
  for (int step = 0; step < 2; ++step) {
    tape.start();
    const auto x = tape.leaf(p), first = pointwise(x, Square{}), second = pointwise(x, Square{});
    tape.backward(first);
    CHECK(message([&] { tape.backward(second); }) ==
          "backward: already called in this step; add up the losses and call it once, or start() a new step");
  }
}

TEST_CASE("tape: a weight or table destroyed or moved before its backward is an Error, unless no backward reads it") {
  const std::string gone =
      "was destroyed or moved before the end of the step; neither destroy nor move the model until backward() has "
      "returned";
  auto p = parameter({2, 2}, 1);
  const auto said = [&](const auto& use) {
    Tapes tape;
    tape.start();
    const Value y = use(tape);
    return message([&] { tape.backward(testing::weighted_sum(y, p.value)); });
  };
  CHECK(said([&](Tapes& tape) {
          const auto dead = std::make_unique<Parameter<float, Device>>(parameter({2, 2}, 1));
          return linear(tape.leaf(p), tape.leaf(*dead));
        }) == "Tape: a weight or table of shape (2,2) " + gone);
  CHECK(said([&](Tapes& tape) {
          const auto dead = std::make_unique<Frozen<float, Device>>("w", p.value.clone());
          return linear(tape.leaf(p), tape.constant(*dead));
        }) == "Tape: a weight or table of shape (2,2) " + gone);
  CHECK(said([&](Tapes& tape) { return rope(tape.leaf(p), RopeTable<float, Device>(2, 2, 1e4), 2); }).ends_with(gone));
  std::vector<Parameter<float, Device>> elsewhere;
  CHECK(said([&](Tapes& tape) {
          auto moved = parameter({2, 2}, 1);
          const auto y = add(tape.leaf(p), tape.leaf(moved));
          elsewhere.push_back(std::move(moved));
          return y;
        }).ends_with(gone));
  Value read;
  Tapes tape;
  tape.start(false);
  {
    auto dead = parameter({2, 2}, 1);
    read = tape.leaf(dead);
  }
  CHECK(message([&] { read.value(); }).ends_with(gone));
  CHECK(said([&](Tapes& t) {
          auto unread = parameter({2, 2}, 1);
          const auto cut = t.stop_gradient(pointwise(t.leaf(unread), Square{}));
          return add(pointwise(t.leaf(p), Square{}), cut);
        }) == "");
}

TEST_CASE("tape: input writes its gradient to memory of the caller, first overwriting, then adding") {
  auto p = parameter({1}, 3);
  float dx = 77;
  Tapes tape;
  tape.start();
  const auto x = tape.input(p.value.view(), &dx);
  tape.backward(add(pointwise(x, Square{}), x));
  CHECK(dx == 7);
  const Tensor<float> padded({4, 8});
  CHECK(message([&] {
          tape.input(View<const float>(padded.data(), Shape{4, 5}, 8));
        }) == "Tape::input: rows must be contiguous, got stride 8 for (4,5)");
}

namespace {

int visited = 0;

/// y = x; counts how often its backward runs.
Value counting(Value x) {
  auto& tape = x.tape();
  const auto y = tape.make(x.shape());
  std::copy_n(x.value().data, x.shape().size(), tape.out(y).data);
  tape.record(y, {x}, {}, [=](Tapes& t) {
    ++visited;
    op::Accumulate<float, Device>::run(t.gradient(y), t.into(x));
  });
  return y;
}

}  // namespace

TEST_CASE("tape: the backward pass skips unused values, and visits each other one once") {
  auto p = parameter({1}, 3);
  Tapes tape;
  tape.start();
  const auto x = counting(tape.leaf(p));
  counting(counting(x));  // the loss does not depend on it
  const auto y = add(add(x, x), x);
  visited = 0;
  tape.backward(y);
  CHECK(visited == 1);
  CHECK(gradient(p) == Numbers{3});
}

TEST_CASE("tape: the capacity of a leaf, an input and a constant is their number of rows") {
  auto p = parameter({130, 3}, 3);
  const Frozen<float, Device> frozen("f", p.value.clone());
  Tapes tape;
  tape.start();
  CHECK(tape.capacity(tape.leaf(p)) == 130);
  CHECK(tape.capacity(tape.input(p.value.view())) == 130);
  CHECK(tape.capacity(tape.constant(frozen)) == 130);
  CHECK(tape.capacity(tape.make({2, 3}, 9)) == 9);
  CHECK(tape.capacity(tape.make({2, 3}, 1)) == 2);
}

TEST_CASE("tape: a chain of 100000 ops, without recursion") {
  auto p = parameter({1}, 1);
  Tapes tape;
  tape.start();
  auto x = tape.leaf(p);
  const auto one = x;
  for (int i = 0; i < 100000; ++i) x = add(x, one, 0.5f);
  CHECK(x.item() == 50001);
  tape.backward(x);
  CHECK(gradient(p) == Numbers{50001});
}

namespace {

bool out_of_memory = false;

/// A device that can simulate running out of memory.
struct Full : Cpu {
  static void* allocate(std::size_t bytes) {
    require(!out_of_memory, "out of memory");
    return Cpu::allocate(bytes);
  }
};

}  // namespace

TEST_CASE("tape: the step after an out-of-memory Error is correct") {
  Tape<float, Full> tape;
  tape.start();
  out_of_memory = true;
  CHECK_THROWS_AS(tape.memory<float>(1000), Error);
  CHECK_THROWS_AS(tape.make({1000}), Error);
  out_of_memory = false;
  for (int step = 0; step < 2; ++step) {
    tape.start();
    float* memory = tape.memory<float>(1000);
    REQUIRE(memory != nullptr);
    memory[999] = 1;
    CHECK(tape.out(tape.make({1000})).data != nullptr);
  }
}

TEST_CASE("tape: sizes beyond the machine are an Error, not a small block") {
  Tapes tape;
  tape.start();
  CHECK_THROWS_AS(tape.make({Index{1} << 31, Index{1} << 31}), Error);
  CHECK_THROWS_AS(tape.make({1, Index{1} << 31}, Index{1} << 31), Error);
  CHECK_THROWS_AS(tape.memory<float>(Index{1} << 62), Error);
  CHECK_THROWS_AS(tape.memory<float>(-1), Error);
}

namespace {

/// One block of a model and its loss; with so many `rows` that some loops use several threads and some do not.
struct Composite {
  static constexpr Index rows = 96, cols = 64, vocabulary = 50;
  Parameter<float, Cpu> table{"table", numbers<float, Cpu>({vocabulary, cols}, "table")},
      norm{"norm", numbers<float, Cpu>({cols}, "norm")}, w{"w", numbers<float, Cpu>({cols, cols}, "w", 0.1)},
      gate{"gate", numbers<float, Cpu>({1, cols}, "gate")};
  Frozen<float, Cpu> frozen{"frozen", numbers<float, Cpu>({cols, cols}, "frozen", 0.1), {true, true}};
  RopeTable<float, Cpu> rope_table{32, 16, 1e4};
  std::vector<std::int32_t> tokens = std::vector<std::int32_t>(rows, 7);
  Tape<float, Cpu> tape;

  float step() {
    tape.start();
    const auto embedded = embedding(tape.leaf(table), std::span<const std::int32_t>(tokens));
    Var<float, Cpu> out;
    {
      Tape<float, Cpu>::Scope scope(tape);
      const auto x = rms_norm(embedded, tape.leaf(norm));
      const auto q = rope(linear(x, tape.leaf(w)), rope_table, 32),
                 k = rope(linear(x, tape.constant(frozen)), rope_table, 32);
      const auto mixed = attention(q, k, x, {3, 32, 4, 4, 16});
      const auto logit = linear(mixed, tape.leaf(gate));
      const RowSet set = open_rows(logit);
      const auto open_logit = gather_rows(logit, set), b = gather_rows(x, set), a = gather_rows(mixed, set);
      const auto r = scale_rows(gated(a, b), open_logit);
      out = scope.keep(scatter_add(mixed, r, set));
    }
    const auto loss = cross_entropy(out, tape.leaf(table), std::span<const std::int32_t>(tokens), 1.0f / rows);
    const float value = loss.item();
    tape.backward(loss);
    for (auto* parameter : {&table, &norm, &w, &gate}) parameter->has_gradient = false;
    return value;
  }
};

}  // namespace

TEST_CASE("allocations are counted: operator new, malloc, aligned memory and a growing vector are noticed") {
  if (!allocations_counted()) return;
  const auto counted = [](auto f) {
    const auto before = allocations();
    f();
    return allocations() - before;
  };
  std::vector<int> growing(1);
  void* volatile kept = nullptr;
  CHECK(counted([] {}) == 0);
  CHECK(counted([&] { growing.resize(growing.capacity() + 1); }) == 1);
  CHECK(counted([&] {
          kept = std::malloc(10);
          std::free(kept);
        }) == 1);
  CHECK(counted([&] {
          kept = std::calloc(10, 2);
          std::free(kept);
        }) == 1);
  for (const std::size_t bytes : {std::size_t{10}, Host::mapped_from, 2 * Host::huge_page})
    CHECK(counted([&] {
            kept = Host::allocate(bytes);
            Host::release(kept, bytes);
          }) == 1);
  CHECK(counted([&] {
          kept = ::operator new(10);
          ::operator delete(kept);
        }) == 1);
  CHECK(counted([&] {
          kept = ::operator new(128, std::align_val_t(64));
          ::operator delete(kept, std::align_val_t(64));
        }) == 1);
}

TEST_CASE("tape: after the first step forward and backward allocate nothing, on one thread and on two") {
  if (!allocations_counted()) return;
  const int threads = omp_get_max_threads();
  for (const int wanted : {1, 2}) {
    CAPTURE(wanted);
    omp_set_num_threads(wanted);
    Composite model;
    const float first = model.step();
    const std::size_t held = model.tape.memory_held();
    float later = 0;
    const auto before = allocations();
    for (int step = 0; step < 3; ++step) later = model.step();
    const auto during = allocations() - before;
    CHECK(during == 0);
    CHECK(later == first);
    CHECK(model.tape.memory_held() == held);
  }
  omp_set_num_threads(threads);
}
