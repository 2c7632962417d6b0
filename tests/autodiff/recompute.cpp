// Recomputation changes what is stored, and nothing else.
#include "neutra/autodiff/recompute.hpp"
#include "neutra/op/all.hpp"
#include "neutra/testing/check_gradient.hpp"

#include "tests/autodiff/square.hpp"
#include "tests/cases/check.hpp"
#include "tests/cases/message.hpp"

using namespace neutra;
using cases::as_doubles;
using cases::Dirty;

namespace {

using Device = Dirty<Cpu>;
using Tapes = Tape<float, Device>;
using Value = Var<float, Device>;
using Pair = Made<float, Device>;
using Weight = Parameter<float, Device>;

/// x + (x W^T)^2, and a local loss, the sum of (x W^T)^2 / 8.
struct Block {
  Weight* w;
  const Tensor<float, Device>* eighths;
  bool own_loss;

  Pair operator()(Value x) const {
    const auto inner = pointwise(linear(x, x.tape().leaf(*w)), Square{});
    return {add(x, inner), own_loss ? std::optional(testing::weighted_sum(inner, *eighths)) : std::nullopt};
  }
};

/// Two blocks as one function.
struct Nested {
  Block first, second;
  Pair operator()(Value x) const {
    const auto a = recompute(x, first), b = recompute(a.y, second);
    return {b.y, add(*a.loss, *b.loss)};
  }
};

struct Trial {
  Trial() { std::fill_n(eighths.data(), eighths.size(), 0.125f); }
  Weight weight(const char* name) { return Weight(name, testing::random_tensor<float, Device>({5, 5}, name, 0.3)); }

  Weight input{"x", testing::random_tensor<float, Device>({7, 5}, "x")}, v = weight("v"), w = weight("w");
  Tensor<float, Device> eighths{Shape{7, 5}}, slopes = testing::random_tensor<float, Device>({7, 5}, "slopes");
  Tapes tape;

  Block block(Weight& of, bool own_loss) { return {&of, &eighths, own_loss}; }
  /// The value and gradients of a loss through two blocks, with their local losses.
  template <class F> std::vector<double> walked(const F& blocks) {
    for (auto* p : {&input, &v, &w}) p->has_gradient = false;
    tape.start();
    const Pair made = blocks(tape.leaf(input));
    auto loss = testing::weighted_sum(made.y, slopes);
    if (made.loss) loss = add(loss, *made.loss, 0.5f);
    std::vector<double> all{double(loss.item())};
    tape.backward(loss);
    for (const Weight* p : {&input, &v, &w})
      if (p->has_gradient)
        for (const double g : as_doubles(p->gradient.view())) all.push_back(g);
    return all;
  }
};

}  // namespace

TEST_CASE("recompute: values and gradients are those of the function itself, bit by bit, nested too") {
  Trial s;
  for (const bool own_loss : {false, true}) {
    const Block one = s.block(s.v, own_loss), two = s.block(s.w, own_loss);
    const auto both = [&](const auto& apply) {
      return s.walked([&](Value x) {
        const Pair a = apply(x, one), b = apply(a.y, two);
        return Pair{b.y, own_loss ? std::optional(add(*a.loss, *b.loss)) : std::nullopt};
      });
    };
    const auto plain = both([](Value x, const Block& f) { return f(x); });
    CHECK(plain[0] != 0);
    CHECK(both([](Value x, const Block& f) { return recompute(x, f); }) == plain);
    if (own_loss) CHECK(s.walked([&](Value x) { return recompute(x, Nested{one, two}); }) == plain);
  }
}

TEST_CASE("recompute: an input with further readers gets its whole gradient") {
  Trial s;
  const Block f = s.block(s.v, false);
  const auto around = [&](const auto& apply) {
    return s.walked([&](Value x) {
      const auto y = pointwise(x, Square{});
      const auto second = apply(y).y, first = apply(y).y;
      return Pair{add(add(first, y), second, 3)};
    });
  };
  CHECK(around([&](Value y) { return recompute(y, f); }) == around(f));
}

TEST_CASE("recompute: only values between blocks are stored") {
  Trial s;
  const Block f = s.block(s.v, false);
  const auto held = [&](int blocks, bool again) {
    Tapes tape;
    tape.start();
    auto x = pointwise(tape.leaf(s.input), Square{});
    for (int block = 0; block < blocks; ++block) x = again ? recompute(x, f).y : f(x).y;
    tape.backward(testing::weighted_sum(x, s.slopes));
    return static_cast<double>(tape.memory_held());
  };
  const double plain = held(60, false) - held(20, false), less = held(60, true) - held(20, true);
  CHECK(less < 0.5 * plain);  // the output of a block, without its matmul and square
}

TEST_CASE("recompute: the scratch memory of ops is released") {
  Trial s;
  s.tape.start();
  auto x = s.tape.leaf(s.input);
  const auto f = [](Value in) {
    in.tape().memory<float>(1 << 14);
    return Pair{pointwise(in, Square{})};
  };
  for (int block = 0; block < 20; ++block) x = recompute(x, f).y;
  s.tape.backward(testing::weighted_sum(x, s.slopes));
  CHECK(s.tape.memory_held() < 2 * sizeof(float) * (1 << 14));
}

TEST_CASE("recompute: without recording it only calls the function") {
  Trial s;
  s.tape.start(false);
  const Block f = s.block(s.v, false);
  const auto x = s.tape.leaf(s.input);
  CHECK(as_doubles(recompute(x, f).y.value()) == as_doubles(f(x).y.value()));
}

TEST_CASE("recompute: a function that returns a captured value, or a loss without its output, is an Error") {
  Trial s;
  s.tape.start();
  const auto x = s.tape.leaf(s.input), one = testing::weighted_sum(x, s.slopes);
  const std::string own = "recompute: the function must return values that its own ops made, not captured ones";
  CHECK(message([&] { recompute(x, [](Value in) { return Pair{in}; }); }) == own);
  CHECK(message([&] { recompute(x, [=](Value in) { return Pair{pointwise(in, Square{}), one}; }); }) == own);
  CHECK(message([&] {
          recompute(x, [](Value in) { return Pair{pointwise(in, Square{}), add(in, in)}; });
        }) == "recompute: the function's own loss must have one element, its shape is (7,5)");
  const Pair made = recompute(x, s.block(s.v, true));
  CHECK(message([&] { s.tape.backward(*made.loss); }) ==
        "recompute: the backward pass reached a block's own loss but not its output; add both to the loss of the step");
}

TEST_CASE("recompute: a function with gradients from its loss alone") {
  Trial s;
  const auto gradient = [&](bool again) {
    s.v.has_gradient = false;
    s.tape.start();
    const auto x = s.tape.input(s.input.value.view());
    const Block block = s.block(s.v, true);
    const auto only_loss = [=](Value in) { return Pair{add(in, in), block(in).loss}; };
    const Pair made = again ? recompute(x, only_loss) : only_loss(x);
    CHECK_FALSE(made.y.needs_gradient());
    s.tape.backward(*made.loss);
    return as_doubles<float>(s.v.gradient.view());
  };
  CHECK(gradient(true) == gradient(false));
}

TEST_CASE("recompute: a function that makes another value in the second call is an Error") {
  Trial s;
  static int calls;
  calls = 0;
  s.tape.start();
  const auto made = recompute(s.tape.leaf(s.input),
                              [](Value in) { return Pair{++calls == 1 ? pointwise(in, Square{}) : linear(in, in)}; });
  const auto loss = testing::weighted_sum(made.y, s.slopes);
  CHECK(message([&] { s.tape.backward(loss); }) ==
        "recompute: the function must make values of the same dtype and shape at every call, got float (7,7) after "
        "float (7,5)");
  calls = 0;
  s.tape.start();
  const Block block = s.block(s.v, true);
  const auto other = recompute(s.tape.leaf(s.input),
                               [=](Value in) { return ++calls == 1 ? block(in) : Pair{pointwise(in, Square{})}; });
  const auto both = add(testing::weighted_sum(other.y, s.slopes), *other.loss);
  CHECK(message([&] { s.tape.backward(both); }) ==
        "recompute: the function must make a loss at every call, or at none");
}

TEST_CASE("recompute: the second call uses the precision of the first") {
  Parameter<float, Cpu> w("w", testing::random_tensor<float, Cpu>({12, 12}, "w"));
  const auto x = testing::random_tensor<float, Cpu>({5, 12}, "x"),
             weights = testing::random_tensor<float, Cpu>({5, 12}, "weights");
  std::vector<double> gradients[3];
  for (const int way : {0, 1, 2}) {  // stored; recomputed; recomputed after the precision of the tape has changed
    auto* weight = &w;
    const auto block = [weight](Var<float, Cpu> in) {
      const auto a = linear(in, in.tape().leaf(*weight), DType::bf16);
      return Made<float, Cpu>{linear(gated(a, a), in.tape().leaf(*weight))};
    };
    Tape<float, Cpu> tape;
    tape.start(true, DType::bf16);
    const auto in = tape.input(x.view());
    const auto y = way == 0 ? block(in).y : recompute(in, block).y;
    const auto loss = testing::weighted_sum(y, weights);
    if (way == 2) tape.set_precision(DType::f32);
    tape.backward(loss);
    gradients[way] = as_doubles(View<const float>(w.gradient));
    w.has_gradient = false;
  }
  CHECK((gradients[1] == gradients[0]));
  CHECK((gradients[2] == gradients[0]));
}

TEST_CASE("recompute: a block whose output is stored as bf16") {
  Parameter<float, Cpu> w("w", testing::random_tensor<float, Cpu>({12, 12}, "w"));
  const auto x = testing::random_tensor<float, Cpu>({5, 12}, "x"),
             weights = testing::random_tensor<float, Cpu>({5, 12}, "weights");
  std::vector<double> gradients[2];
  for (const bool again : {false, true}) {
    auto* weight = &w;
    const auto block = [weight](Var<float, Cpu> in) {
      return Made<float, Cpu>{linear(in, in.tape().leaf(*weight), DType::bf16)};
    };
    Tape<float, Cpu> tape;
    tape.start(true, DType::bf16);
    const auto in = tape.input(x.view());
    const auto y = linear(again ? recompute(in, block).y : block(in).y, tape.leaf(w));
    tape.backward(testing::weighted_sum(y, weights));
    gradients[again] = as_doubles(View<const float>(w.gradient));
    w.has_gradient = false;
  }
  CHECK((gradients[1] == gradients[0]));
}

TEST_CASE("recompute: another storage dtype of the output in the second call is an Error") {
  Parameter<float, Cpu> w("w", testing::random_tensor<float, Cpu>({12, 12}, "w"));
  const auto x = testing::random_tensor<float, Cpu>({5, 12}, "x"),
             weights = testing::random_tensor<float, Cpu>({5, 12}, "weights");
  DType stored = DType::bf16;
  const auto block = [weight = &w, how = &stored](Var<float, Cpu> in) {
    return Made<float, Cpu>{linear(in, in.tape().leaf(*weight), *how)};
  };
  Tape<float, Cpu> tape;
  tape.start(true, DType::bf16);
  const auto loss = testing::weighted_sum(linear(recompute(tape.input(x.view()), block).y, tape.leaf(w)), weights);
  stored = DType::f32;
  CHECK(message([&] { tape.backward(loss); }) ==
        "recompute: the function must make values of the same dtype and shape at every call, got float (5,12) after "
        "bf16 (5,12)");
}
