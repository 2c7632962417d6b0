// AdamW against a plain loop in double; clipping; schedules; errors.
#include "neutra/backend/cpu/cpu.hpp"

#include "neutra/core/random.hpp"
#include "neutra/optim/adamw.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

#include <deque>
#include <limits>
#include <memory>

using namespace neutra;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The update formula of the papers, element by element.
struct Plain {
  std::vector<double> w, m, v;
  double decay;
  Plain(std::vector<double> start, double weight_decay)
      : w(std::move(start)), m(w.size()), v(w.size()), decay(weight_decay) {}
  void step(const std::vector<double>& g, const optim::AdamWOptions& o, double rate, double factor, int t) {
    for (std::size_t i = 0; i < w.size(); ++i) {
      m[i] = o.beta1 * m[i] + (1 - o.beta1) * factor * g[i];
      v[i] = o.beta2 * v[i] + (1 - o.beta2) * factor * g[i] * factor * g[i];
      const double m_hat = m[i] / (1 - std::pow(o.beta1, t)), v_hat = v[i] / (1 - std::pow(o.beta2, t));
      w[i] = w[i] - rate * decay * w[i] - rate * m_hat / (std::sqrt(v_hat) + o.epsilon);
    }
  }
};

template <Scalar S, Backend D> Parameter<S, D> parameter(const std::string& name, const Shape& shape) {
  Parameter<S, D> made(name, Tensor<S, D>(shape));
  const Philox random(3, name);
  for (Index i = 0; i < shape.size(); ++i)
    made.value.data()[i] = static_cast<S>(random.normal(0, static_cast<std::uint64_t>(i)));
  return made;
}

/// Sets the gradients of step t and returns them in double. Some steps have gradients large enough to be clipped.
template <Scalar S, Backend D> std::vector<double> set_gradient(Parameter<S, D>& p, std::uint64_t t) {
  const Philox random(4, p.name);
  std::vector<double> g(static_cast<std::size_t>(p.value.size()));
  for (std::size_t i = 0; i < g.size(); ++i) {
    p.gradient.data()[i] = static_cast<S>((t % 3 ? 1e-3 : 1.0) * random.normal(t, i));
    g[i] = static_cast<double>(p.gradient.data()[i]);
  }
  p.has_gradient = true;
  return g;
}

template <Scalar S, Backend D> double fifty_steps(const optim::AdamWOptions& options) {
  // 5000 elements: two blocks of the update. A vector, which is not decayed. A single number.
  std::vector<Parameter<S, D>> parameters;
  parameters.push_back(parameter<S, D>("matrix", {100, 50}));
  parameters.push_back(parameter<S, D>("norm", {37}));
  parameters.push_back(parameter<S, D>("one", {1, 1}));
  std::vector<Parameter<S, D>*> all;
  std::vector<Plain> plain;
  for (auto& p : parameters) {
    all.push_back(&p);
    plain.emplace_back(std::vector<double>(p.value.data(), p.value.data() + p.value.size()),
                       p.value.shape().rank() == 2 ? options.weight_decay : 0.0);
  }
  optim::AdamW<S, D> adamw(all, options);
  int clipped = 0;
  double worst = 0;
  for (int t = 1; t <= 50; ++t) {
    std::vector<std::vector<double>> gradients;
    double square = 0;
    for (auto& p : parameters) gradients.push_back(set_gradient(p, static_cast<std::uint64_t>(t)));
    for (const auto& g : gradients)
      for (const double x : g) square += x * x;
    const double norm = adamw.gradient_norm(), rate = 1e-2 / t;
    CHECK(norm == Approx(std::sqrt(square)).epsilon(sizeof(S) == 4 ? 1e-6 : 1e-13));
    const double factor = options.clip > 0 && norm > options.clip ? options.clip / std::sqrt(square) : 1;
    clipped += factor < 1;
    adamw.step(rate, norm);
    for (std::size_t k = 0; k < plain.size(); ++k) plain[k].step(gradients[k], options, rate, factor, t);
  }
  CHECK(adamw.steps == 50);
  CHECK((clipped > 0) == (options.clip > 0));
  CHECK(clipped < 50);
  for (std::size_t k = 0; k < plain.size(); ++k) {
    CHECK_FALSE(parameters[k].has_gradient);
    for (std::size_t i = 0; i < plain[k].w.size(); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(parameters[k].value.data()[i]) - plain[k].w[i]));
      worst = std::max(worst, std::abs(static_cast<double>(parameters[k].mean.data()[i]) - plain[k].m[i]));
      worst = std::max(worst, std::abs(static_cast<double>(parameters[k].variance.data()[i]) - plain[k].v[i]));
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("adamw: fifty steps are those of a plain loop, clipped or not, with decay or not") {
  for (const double clip : {0.0, 1.0})
    for (const double decay : {0.0, 0.1}) {
      CAPTURE(clip, decay);
      const optim::AdamWOptions options{
          .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = decay, .clip = clip};
      CHECK(fifty_steps<double, Cpu>(options) < 1e-13);
      CHECK(fifty_steps<double, ScalarCpu>(options) < 1e-13);
      CHECK(fifty_steps<float, Cpu>(options) < 1e-5);
    }
  CHECK(fifty_steps<double, Cpu>({.beta1 = 0, .beta2 = 0, .epsilon = 1e-3}) < 1e-13);
}

TEST_CASE("adamw: vectors do not decay, matrices do") {
  auto matrix = parameter<double, Cpu>("m", {1, 5}), vector = parameter<double, Cpu>("v", {5});
  const double m0 = matrix.value.data()[0], v0 = vector.value.data()[0];
  optim::AdamW<double, Cpu> adamw({&matrix, &vector}, {.weight_decay = 0.5});
  for (auto* p : {&matrix, &vector}) {
    std::fill_n(p->gradient.data(), 5, 0.0);
    p->has_gradient = true;
  }
  adamw.step(0.1, adamw.gradient_norm());
  CHECK(matrix.value.data()[0] == Approx(m0 * 0.95).epsilon(1e-15));
  CHECK(vector.value.data()[0] == v0);
}

TEST_CASE("adamw: groups set rate, decay and freezing, each by the first group that sets it, and change nothing else") {
  const std::vector<optim::ParameterGroup> groups = {
      {.name = "gate.temperature", .weight_decay = 0},
      {.name = "gate", .rate_factor = 0.25},
      {.name = "vectors", .weight_decay = 0.3, .holds = [](auto, const Shape& shape) { return shape.rank() == 1; }},
      {.name = "1", .rate_factor = 2, .frozen = true},
      {.name = "adapter", .frozen = false}};
  struct Expected {
    const char* name;
    Shape shape;
    double rate_factor, weight_decay;
  };
  const std::vector<Expected> expected = {{"adapter.0.gate", {1, 5}, 0.25, 0.1},
                                          {"adapter.0.gate.temperature", {1, 1}, 0.25, 0},
                                          {"adapter.0.gate_proj", {3, 5}, 1, 0.1},
                                          {"adapter.0.bias", {4}, 1, 0.3}};
  auto frozen = parameter<double, Cpu>("adapter.1.gate", {1, 5});
  const auto before = frozen.value.clone();
  std::deque<Parameter<double, Cpu>> grouped, alone;
  std::vector<Parameter<double, Cpu>*> all = {&frozen};
  for (const Expected& one : expected) {
    all.push_back(&grouped.emplace_back(parameter<double, Cpu>(one.name, one.shape)));
    // A matrix of the same numbers, which AdamW decays.
    alone.emplace_back(parameter<double, Cpu>(one.name, one.shape.rank() == 1 ? Shape{1, one.shape[0]} : one.shape));
  }
  optim::AdamW<double, Cpu> adamw(all, {.weight_decay = 0.1, .clip = 0, .groups = groups});
  CHECK_FALSE(frozen.trained);
  CHECK(adamw.parameters() == std::vector<Parameter<double, Cpu>*>(all.begin() + 1, all.end()));
  std::vector<std::unique_ptr<optim::AdamW<double, Cpu>>> one_each;
  for (std::size_t i = 0; i < expected.size(); ++i)
    one_each.push_back(std::make_unique<optim::AdamW<double, Cpu>>(
        std::vector{&alone[i]}, optim::AdamWOptions{.weight_decay = expected[i].weight_decay, .clip = 0}));
  for (std::uint64_t t = 1; t <= 5; ++t) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      set_gradient(grouped[i], t);
      set_gradient(alone[i], t);
      one_each[i]->step(1e-2 * expected[i].rate_factor, 1);
    }
    adamw.step(1e-2, adamw.gradient_norm());
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(expected[i].name);
    CHECK(std::equal(alone[i].value.data(), alone[i].value.data() + alone[i].value.size(), grouped[i].value.data()));
  }
  CHECK(std::equal(before.data(), before.data() + before.size(), frozen.value.data()));
}

TEST_CASE("adamw: a group that is not valid or contains no parameter, and groups that leave nothing, are Errors") {
  auto p = parameter<float, Cpu>("adapter.0.gate", {1, 3}), q = parameter<float, Cpu>("adapter.0.gate_proj", {2, 3});
  const auto said = [&](const optim::ParameterGroup& group) {
    const std::string text = message([&] { optim::AdamW<float, Cpu>({&p, &q}, {.groups = {group}}); });
    CHECK((p.trained && q.trained));
    return text;
  };
  CHECK(said({.name = "gate", .rate_factor = 0, .weight_decay = 0}) == "");
  CHECK(said({.name = "gaet", .rate_factor = 0}) ==
        "adamw: the parameter group 'gaet' must contain a parameter, but does not; the first of the 2 is "
        "adapter.0.gate");
  CHECK(said({.name = "gate", .rate_factor = -1}) ==
        "parameter group 'gate': rate_factor must not be negative, got -1");
  CHECK(said({.name = "gate", .weight_decay = infinity}) ==
        "parameter group 'gate': weight_decay must not be negative, got inf");
  CHECK(said({.rate_factor = 1}) == "parameter group: it must have a name, got an empty one");
  CHECK(said({.name = "adapter.0", .frozen = true}) ==
        "adamw: there is nothing to train; all of the 2 parameters are frozen");
}

TEST_CASE("adamw: a gradient that is missing or not finite is an Error, and nothing has changed") {
  auto a = parameter<float, Cpu>("a", {3}), b = parameter<float, Cpu>("adapter.0.gate", {3});
  optim::AdamW<float, Cpu> adamw({&a, &b}, {});
  set_gradient(a, 1);
  CHECK(
      message([&] { adamw.gradient_norm(); }) ==
      "optimizer: adapter.0.gate got no gradient in this step; it is not part of the loss, or backward was not called");
  set_gradient(b, 1);
  b.gradient.data()[2] = std::numeric_limits<float>::quiet_NaN();
  const float before = a.value.data()[0];
  const double norm = adamw.gradient_norm();
  CHECK(message([&] { adamw.step(0.1, norm); }) ==
        "adamw: the gradient is not finite at step 0; lower the learning rate");
  b.gradient.data()[2] = -std::numeric_limits<float>::infinity();
  CHECK_THROWS_AS(adamw.step(0.1, adamw.gradient_norm()), Error);
  CHECK(a.value.data()[0] == before);
  CHECK(adamw.steps == 0);
  CHECK(a.has_gradient);
}

TEST_CASE(
    "adamw: a step with a parameter that got no gradient is an Error, whatever norm it is given, and nothing has "
    "changed") {
  auto a = parameter<float, Cpu>("a", {3}), b = parameter<float, Cpu>("b", {3});
  optim::AdamW<float, Cpu> adamw({&a, &b}, {});
  set_gradient(a, 1);
  set_gradient(b, 1);
  adamw.step(0.1, 0);
  const float before[] = {a.value.data()[0], b.value.data()[0]};
  set_gradient(a, 2);
  CHECK(message([&] { adamw.step(0.1, 0); }) ==
        "optimizer: b got no gradient in this step; it is not part of the loss, or backward was not called");
  CHECK(a.value.data()[0] == before[0]);
  CHECK(b.value.data()[0] == before[1]);
  CHECK(adamw.steps == 1);
  CHECK(a.has_gradient);
}

TEST_CASE("adamw: parameters that died or moved are an Error") {
  std::vector<Parameter<float, Cpu>> parameters;
  parameters.push_back(parameter<float, Cpu>("a", {3}));
  optim::AdamW<float, Cpu> adamw({&parameters[0]}, {});
  set_gradient(parameters[0], 1);
  adamw.step(0.1, adamw.gradient_norm());
  parameters.reserve(parameters.capacity() + 1);
  const std::string gone =
      "adamw: parameters were destroyed or moved; keep the model where it is while its optimizer is in use";
  CHECK(message([&] { adamw.gradient_norm(); }) == gone);
  CHECK(message([&] { adamw.step(0.1, 0); }) == gone);
}

TEST_CASE("adamw: invalid options are Errors") {
  auto p = parameter<float, Cpu>("p", {3});
  const auto said = [&](const optim::AdamWOptions& options) {
    return message([&] { optim::AdamW<float, Cpu>({&p}, options); });
  };
  CHECK(said({}) == "");
  CHECK(said({.beta1 = 0, .weight_decay = 0, .clip = 0}) == "");
  CHECK(said({.beta1 = 1}) == "adamw: betas must lie in [0, 1), got 1 and 0.95");
  CHECK(said({.beta2 = -0.1}) == "adamw: betas must lie in [0, 1), got 0.9 and -0.1");
  CHECK(said({.beta2 = std::nan("")}) == "adamw: betas must lie in [0, 1), got 0.9 and nan");
  CHECK(said({.epsilon = 0}) == "adamw: epsilon must be positive, got 0");
  CHECK(said({.epsilon = infinity}) == "adamw: epsilon must be positive, got inf");
  CHECK(said({.weight_decay = -1}) == "adamw: weight decay must not be negative, got -1");
  CHECK(said({.weight_decay = infinity}) == "adamw: weight decay must not be negative, got inf");
  CHECK(said({.clip = -1}) == "adamw: the clipping norm must not be negative (0: no clipping), got -1");
  CHECK(said({.clip = std::nan("")}) == "adamw: the clipping norm must not be negative (0: no clipping), got nan");
  CHECK(message([&] { optim::AdamW<float, Cpu>({}, {}); }) ==
        "adamw: there is nothing to train; thaw the model or give it an adapter");
}

TEST_CASE("adamw: a rate that is not finite is refused before it reaches the weights") {
  auto p = parameter<float, Cpu>("p", {3});
  optim::AdamW<float, Cpu> adamw({&p}, {});
  set_gradient(p, 1);
  CHECK_THROWS_AS(adamw.step(std::nan(""), adamw.gradient_norm()), Error);
}
