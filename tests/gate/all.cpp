// Every gate: the checks of policies, values and derivatives against PyTorch, and gates that break a promise.
#include "neutra/gate/all.hpp"

#include "neutra/testing/check_policy.hpp"

#include "tests/catch.hpp"
#include "tests/golden_policies.hpp"

using namespace neutra;
using testing::check_policy;
using testing::Faults;

namespace {

template <class G> void check_golden(const G& gate, std::string_view name) {
  CAPTURE(name);
  const auto& function = gate::function(gate);
  const auto s = golden("policy.s"), value = golden(concat("policy.gate.", name, ".value")),
             slope = golden(concat("policy.gate.", name, ".slope"));
  REQUIRE(s.size() == 6);
  for (std::size_t i = 0; i < s.size(); ++i) {
    CAPTURE(s[i]);
    CHECK(function.f(s[i]) == Approx(value[i]).epsilon(1e-14).margin(1e-15));
    CHECK(function.df(s[i], function.f(s[i])) == Approx(slope[i]).epsilon(1e-14).margin(1e-15));
    CHECK(function.f(static_cast<float>(s[i])) == Approx(value[i]).epsilon(1e-5).margin(1e-6));
  }
}

struct Saturating {
  static constexpr std::string_view name = "saturating";
  static constexpr bool exact_zero = true;
  template <class V> NEUTRA_HD V f(V s) const {
    const V r = math::relu(s);
    return r / (V(1) + r);
  }
  template <class V> NEUTRA_HD V df(V s, V g) const { return math::select(s > V(0), (V(1) - g) * (V(1) - g), V(0)); }
};

struct WrongSlope : gate::Sigmoid {
  template <class V> V df(V, V g) const { return g * (V(1) - g) * V(1.001); }
};
struct NeverZero : gate::Sigmoid {
  static constexpr bool exact_zero = true;
};
struct Overflowing {
  static constexpr std::string_view name = "overflowing";
  template <class V> V f(V s) const { return math::exp(s) / (V(1) + math::exp(s)); }
  template <class V> V df(V, V g) const { return g * (V(1) - g); }
};
struct UnlikeBySimd : gate::Relu {
  template <class V> V f(V s) const { return math::relu(s) * V(std::is_floating_point_v<V> ? 1.0 : 1.01); }
  template <class V> V df(V s, V) const {
    return math::select(s > V(0), V(std::is_floating_point_v<V> ? 1.0 : 1.01), V(0));
  }
};
struct Named : gate::Relu {
  static constexpr std::string_view name = "Named Badly";
};
/// Correct as a function, but never open.
struct Closed {
  static constexpr std::string_view name = "closed";
  template <class V> V f(V) const { return V(0); }
  template <class V> V df(V, V) const { return V(0); }
};

}  // namespace

TEST_CASE("gates: every gate of the list is a correct function, keeps its exact_zero, and trains") {
  for_each_type(gate::All{}, []<class G>() {
    CAPTURE(G::name);
    CHECK(check_policy<G>() == Faults{});
  });
}

TEST_CASE("gates: values and derivatives equal those of PyTorch") {
  check_golden(gate::Relu{}, "relu");
  check_golden(gate::Sigmoid{}, "sigmoid");
  check_golden(gate::Tanh{}, "tanh");
  check_golden(gate::Elu{}, "elu");
  check_golden(gate::Softplus{}, "softplus");
  check_golden(gate::HardSigmoid{}, "hard_sigmoid");
  check_golden(gate::JumpRelu{}, "jump_relu");
  check_golden(gate::PerChannel<gate::Tanh>{}, "tanh");
  check_golden(gate::TwoLayer<gate::Elu>{}, "elu");
}

TEST_CASE("gates: names are unique, and wrappers contain the name of the inner gate") {
  std::vector<std::string_view> names;
  for_each_type(gate::All{}, [&]<class G>() {
    CHECK(std::count(names.begin(), names.end(), G::name) == 0);
    names.push_back(G::name);
  });
  CHECK(names.size() == gate::All::size);
  CHECK(gate::PerChannel<gate::Relu>::name == "per_channel_relu");
  CHECK(gate::TwoLayer<gate::JumpRelu>::name == "two_layer_jump_relu");
  const gate::TwoLayer<gate::JumpRelu> gate{.gate = {.threshold = 2}, .hidden = 3};
  CHECK(gate::function(gate).f(1.5) == 0);
  CHECK(gate::function(gate).f(2.5) == 2.5);
  CHECK(gate::traits(gate).logit_weights(12).front().shape == Shape({3, 12}));
  CHECK(gate::traits(gate).exact_zero);
  CHECK_FALSE(gate::traits(gate::TwoLayer<gate::Sigmoid>{}).exact_zero);
  CHECK(gate::traits(gate::PerChannel<gate::Relu>{}).per_channel);
  CHECK_FALSE(gate::may_skip<gate::PerChannel<gate::Relu>>);
}

TEST_CASE("gates: one line checks a gate of a user, and names each broken promise") {
  CHECK(check_policy<Saturating>() == Faults{});
  CHECK(check_policy(gate::JumpRelu{.threshold = 0.7f}) == Faults{});
  const auto fault = [](const Faults& faults, std::string_view part) {
    CAPTURE(faults);
    return std::any_of(faults.begin(), faults.end(),
                       [&](const std::string& text) { return text.find(part) != std::string::npos; });
  };
  CHECK(fault(check_policy<WrongSlope>(), "differs from central differences"));
  CHECK(fault(check_policy<NeverZero>(), "says exact_zero, but at no logit"));
  CHECK(fault(check_policy<Overflowing>(), "not finite"));
  CHECK(fault(check_policy<UnlikeBySimd>(), "SIMD and scalar differ"));
  CHECK(fault(check_policy<Named>(), "got 'Named Badly'"));
  CHECK(fault(check_policy<Closed>(), "twenty training steps"));
  CHECK(fault(check_policy(gate::JumpRelu{.threshold = 100}), "skipping was not tried"));
}

TEST_CASE("gates: derivatives at 0, the logit of a token that is just closed") {
  const auto slope = [](const auto& gate) { return gate.df(0.0, gate.f(0.0)); };
  CHECK(slope(gate::Relu{}) == 0);
  CHECK(slope(gate::JumpRelu{}) == 0);
  CHECK(slope(gate::Elu{}) == 1);
  CHECK(slope(gate::Softplus{}) == 0.5);
  CHECK(slope(gate::Sigmoid{}) == 0.25);
  CHECK(slope(gate::HardSigmoid{}) == Approx(1.0 / 6));
  CHECK(gate::HardSigmoid{}.df(-3.5, 0.0) == 0);
}

TEST_CASE("gates: the clipped rectifier is closed below 0, open at 1 from there on, and trains between") {
  const gate::ClippedRelu gate;
  for (const auto& [s, value, slope] :
       {std::array{-0.5, 0.0, 0.0}, {0.0, 0.0, 0.0}, {0.25, 0.25, 1.0}, {1.0, 1.0, 0.0}, {7.0, 1.0, 0.0}}) {
    CAPTURE(s);
    CHECK(gate.f(s) == value);
    CHECK(gate.df(s, value) == slope);
  }
}

TEST_CASE("gates list their options, and wrappers those of the inner gate") {
  using Options = PolicyOptions;
  CHECK(gate::traits(gate::Relu{}).options.empty());
  CHECK(gate::traits(gate::JumpRelu{.threshold = 0.5f}).options == Options{{"threshold", 0.5}});
  CHECK(gate::traits(gate::PerChannel<gate::JumpRelu>{.gate = {.threshold = 0.5f}}).options ==
        Options{{"threshold", 0.5}});
  CHECK(gate::traits(gate::TwoLayer<gate::JumpRelu>{.gate = {.threshold = 0.5f}, .hidden = 3}).options ==
        Options{{"hidden", 3}, {"threshold", 0.5}});
}

TEST_CASE("gates: a bias shifts the logits of any gate and starts as asked") {
  const gate::Biased<gate::TwoLayer<gate::JumpRelu>> gate{.gate = {.gate = {.threshold = 0.5f}, .hidden = 3},
                                                          .start = 0.75};
  CHECK(gate.name == "biased_two_layer_jump_relu");
  CHECK(gate::traits(gate).exact_zero);
  CHECK(gate::traits(gate).options == PolicyOptions{{"hidden", 3}, {"start", 0.75}, {"threshold", 0.5}});
  const auto weights = gate::traits(gate).logit_weights(12);
  REQUIRE(weights.size() == 3);
  CHECK(weights[0].name == "gate_bias");
  CHECK(weights[0].start.value() == 0.75);
  CHECK(weights[2].shape == Shape({1, 3}));
  CHECK(check_policy<gate::Biased<gate::TwoLayer<gate::Relu>>>() == Faults{});
  CHECK(check_policy<gate::Biased<gate::PerChannel<gate::Tanh>>>() == Faults{});
  CHECK(check_policy<gate::Biased<gate::CausalMean<gate::Relu>>>() == Faults{});
  const auto x = testing::random_tensor<double>({2, 12}, "x"), w = testing::random_tensor<double>({1, 12}, "w");
  Tensor<double> bias({1});
  bias.data()[0] = 0.25;
  Tape<double, Cpu> tape;
  tape.start(false);
  const Var<double, Cpu> both[] = {tape.input(bias.view()), tape.input(w.view())};
  const auto in = tape.input(x.view());
  const auto plain = gate::logit(gate::Relu{}, in, std::span(both).last(1), {.sequences = 1, .length = 2}).value();
  const auto shifted = gate::logit(gate::Biased<gate::Relu>{}, in, both, {.sequences = 1, .length = 2}).value();
  for (Index n = 0; n < 2; ++n) CHECK(shifted(n, 0) == plain(n, 0) + 0.25);
}

TEST_CASE("gates: a contextual gate adds the exponential mean of a second logit over the sequence so far") {
  using Contextual = gate::Contextual<gate::Relu>;
  CHECK(Contextual::name == "contextual_relu");
  CHECK(gate::traits(Contextual{}).logit_weights(12).size() == 2);
  CHECK(check_policy<Contextual>() == Faults{});
  CHECK(check_policy<gate::Biased<gate::Contextual<gate::Sigmoid>>>() == Faults{});
  CHECK(check_policy(Contextual{.hidden = 3}) == Faults{});
  const auto x = testing::random_tensor<double>({8, 12}, "x"), w = testing::random_tensor<double>({2, 12}, "w");
  const auto dot = [&](Index n, Index k) {
    double sum = 0;
    for (Index c = 0; c < 12; ++c) sum += x.view()(n, c) * w.view()(k, c);
    return sum;
  };
  Tape<double, Cpu> tape;
  tape.start(false);
  const Var<double, Cpu> weights[] = {tape.input(View<const double>(w.view().row(0), {1, 12})),
                                      tape.input(View<const double>(w.view().row(1), {1, 12}))};
  const Contextual gate{.decay = 0.75};
  const auto s = gate::logit(gate, tape.input(x.view()), weights, {.sequences = 2, .length = 4}).value();
  for (Index n = 0; n < 8; ++n) {
    double sum = 0, all = 0;
    for (Index k = 0; k <= n % 4; ++k) {
      sum += std::pow(0.75, static_cast<double>(k)) * dot(n - k, 1);
      all += std::pow(0.75, static_cast<double>(k));
    }
    CAPTURE(n);
    CHECK(s(n, 0) == Approx(dot(n, 0) + sum / all));
  }
  CHECK_THROWS_AS(gate::logit(Contextual{.decay = 2}, tape.input(x.view()), weights, {.sequences = 2, .length = 4}),
                  Error);
}

TEST_CASE("gates: the context of a gate may be a sum, and its evidence that of a hidden layer") {
  using Contextual = gate::Contextual<gate::Relu>;
  const Contextual gate{.decay = 0.5, .sum = 1, .hidden = 2};
  CHECK(check_policy(gate) == Faults{});
  const auto w = gate::traits(gate).logit_weights(3);
  REQUIRE(w.size() == 3);
  CHECK((w[1].shape == Shape{2, 3} && w[2].shape == Shape{1, 2}));
  CHECK_THROWS_AS(gate::traits(Contextual{.hidden = -1}).logit_weights(3), Error);

  const auto x = testing::random_tensor<double>({4, 3}, "x"), own = testing::random_tensor<double>({1, 3}, "own"),
             hidden = testing::random_tensor<double>({2, 3}, "hidden"),
             last = testing::random_tensor<double>({1, 2}, "e");
  Tape<double, Cpu> tape;
  tape.start(false);
  const Var<double, Cpu> weights[] = {tape.input(own.view()), tape.input(hidden.view()), tape.input(last.view())};
  const auto s = gate::logit(gate, tape.input(x.view()), weights, {.sequences = 2, .length = 2}).value();
  const auto dot = [&](const Tensor<double>& matrix, Index row, Index n) {
    double sum = 0;
    for (Index c = 0; c < 3; ++c) sum += matrix.view()(row, c) * x.view()(n, c);
    return sum;
  };
  const auto evidence = [&](Index n) {
    double sum = 0;
    for (Index k = 0; k < 2; ++k) sum += last.view()(0, k) * dot(hidden, k, n) / (1 + std::exp(-dot(hidden, k, n)));
    return sum;
  };
  for (Index n = 0; n < 4; ++n) {
    CAPTURE(n);
    CHECK(s(n, 0) == Approx(dot(own, 0, n) + evidence(n) + (n % 2 == 1 ? 0.5 * evidence(n - 1) : 0)));
  }
}
