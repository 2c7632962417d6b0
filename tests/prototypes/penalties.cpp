// Penalties on more than single original tokens: a lower bound on the gates of target text, a load balance over the
// batch, a learned target, and a sum of two penalties.
#include "neutra/op/sum.hpp"
#include "neutra/testing/check_policy.hpp"

#include "tests/adapter/model.hpp"

namespace {

/// max(0, floor - g)^2 over target tokens, which keeps their gates open
struct Floor {
  static constexpr std::string_view name = "floor";
  static constexpr auto counts = penalty::Counts::target;
  float floor = 0.5f;

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) { visit("floor", self.floor); }
  template <class V> V below(V g) const { return math::relu(V(floor) - g); }
  template <class V> V f(V g, V, V) const { return below(g) * below(g); }
  template <class V> V dg(V g, V, V) const { return V(-2) * below(g); }
  template <class V> V ds(V, V, V) const { return V(0); }
};

/// (mean gate of the original tokens of a batch - share)^2
struct LoadBalance {
  static constexpr std::string_view name = "load_balance";
  static constexpr auto counts = penalty::Counts::original;
  static constexpr bool reads_gate = true;
  float share = 0.2f;

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) { visit("share", self.share); }
  template <class V> V f(V mean) const { return (mean - V(share)) * (mean - V(share)); }
  template <class V> V df(V mean, V) const { return V(2) * (mean - V(share)); }
  template <Scalar S, Backend D> Var<S, D> loss(const penalty::Activations<S, D>& e, std::span<const Var<S, D>>) const {
    return sum(pointwise(e.mean_gate(counts), *this), e.batch_scale(counts));
  }
};

/// (mean gate of the batch - level)^2, with a trained level per layer
struct LearnedLevel {
  static constexpr std::string_view name = "learned_level";
  static constexpr auto counts = penalty::Counts::both;
  static constexpr bool reads_gate = true;

  std::vector<Weight> weights(Index) const { return {{"level", {1}, 0.75}}; }
  template <class V> V f(V mean, Parameters<V, 1> p) const { return (mean - p[0]) * (mean - p[0]); }
  template <class V> V df(V mean, V, Parameters<V, 1> p) const { return V(2) * (mean - p[0]); }
  template <class V> Parameters<V, 1> dp(V mean, V, Parameters<V, 1> p) const { return {{V(-2) * (mean - p[0])}}; }
  template <Scalar S, Backend D>
  Var<S, D> loss(const penalty::Activations<S, D>& e, std::span<const Var<S, D>> w) const {
    return sum(pointwise_trained(e.mean_gate(counts), *this, w), e.batch_scale(counts));
  }
};

using FloorAndL1 = penalty::Sum<Floor, penalty::L1>;

template <Penalty P> nn::Transformer<AnyResidue<double>, double, Cpu> model_with(const P& penalty) {
  auto model = tiny_model<double>(residue_of<double>(gate::Sigmoid{}, penalty));
  testing::fill_zero_parameters(model.parameters());
  return model;
}
/// The local loss and the gradients of a step of these batches.
template <class Model>
std::pair<double, std::vector<double>> step_of(Model& model, const std::vector<TinyBatch>& parts,
                                               nn::StepCounts counts) {
  double local = 0;
  for (auto* parameter : model.parameters()) parameter->has_gradient = false;
  Tape<double, Cpu> tape;
  for (const TinyBatch& part : parts) {
    tape.start();
    const auto losses = model.loss(tape, part.tokens(), counts);
    local += losses.local->item();
    tape.backward(losses.total(0.7));
  }
  std::vector<double> gradients;
  for (auto* p : model.parameters())
    gradients.insert(gradients.end(), p->gradient.data(), p->gradient.data() + p->gradient.size());
  return {local, gradients};
}
template <Penalty P> double local_loss(const P& penalty, const TinyBatch& batch, nn::StepCounts counts) {
  auto model = model_with(penalty);
  return step_of(model, {batch}, counts).first;
}

}  // namespace

TEST_CASE("prototype: penalties on target text, on the batch and with weights, and a sum, pass every check") {
  CHECK(testing::check_policy<Floor>() == testing::Faults{});
  CHECK(testing::check_policy<LoadBalance>() == testing::Faults{});
  CHECK(testing::check_policy<LearnedLevel>() == testing::Faults{});
  CHECK(testing::check_policy<FloorAndL1>() == testing::Faults{});
  CHECK(testing::check_policy<penalty::Sum<LearnedLevel, FloorAndL1>>() == testing::Faults{});
  const TinyBatch batch({0, 1}, 3, 3);
  const auto checked = [&](const auto& penalty) {
    auto model = model_with(penalty);
    return model_gradient_error(model, batch);
  };
  CHECK(checked(Floor{.floor = 2}) < 1e-7);
  CHECK(checked(LoadBalance{}) < 1e-7);
  CHECK(checked(LearnedLevel{}) < 1e-7);
  CHECK(checked(penalty::Sum<LearnedLevel, FloorAndL1>{
            .second = {.first = {.floor = 2}}, .first_weight = 0.5, .second_weight = 3}) < 1e-7);
}

TEST_CASE("prototype: a lower bound counts only target tokens, divided by their number in the step") {
  const TinyBatch batch({0, 1, 1, 0, 1});  // 10 original, 15 target
  const double whole = local_loss(Floor{.floor = 2}, batch, {25, 10});
  CHECK(whole > 0);
  CHECK(local_loss(Floor{.floor = 2}, batch, {40, 10}) == Approx(whole / 2).epsilon(1e-13));
  TinyBatch other = batch;  // other tokens in the original sequences
  for (std::size_t i = 0; i < 5; ++i) other.inputs[i] = (other.inputs[i] + 3) % 19;
  CHECK(local_loss(Floor{.floor = 2}, other, {25, 10}) == whole);
  CHECK(local_loss(Floor{.floor = 2}, TinyBatch({0, 0}), {10, 10}) == 0);
}

TEST_CASE("prototype: micro-batches add up to the step, for a function of the batch by their share of its tokens") {
  const TinyBatch first({0, 1}, 1), second({0, 0}, 2);
  const nn::StepCounts counts{20, 15};
  auto floor = model_with(FloorAndL1{.first = {.floor = 2}});
  const auto parts = step_of(floor, {first, second}, counts);
  CHECK(parts.first == Approx(step_of(floor, {first}, counts).first + step_of(floor, {second}, counts).first));
  // The first micro-batch has 5 of 15 original tokens: a third of its own loss, and two thirds of that of the second.
  auto balance = model_with(LoadBalance{});
  const double alone = step_of(balance, {first}, {10, 5}).first, other = step_of(balance, {second}, {10, 10}).first;
  CHECK(step_of(balance, {first, second}, counts).first == Approx(alone / 3 + other * 2 / 3).epsilon(1e-13));
}

TEST_CASE("prototype: a sum weights its parts, and records their options") {
  const TinyBatch batch;
  const double floor = local_loss(Floor{.floor = 2}, batch, batch.counts()),
               l1 = local_loss(penalty::L1{}, batch, batch.counts());
  CHECK(local_loss(FloorAndL1{.first = {.floor = 2}, .first_weight = 2, .second_weight = 0.25}, batch,
                   batch.counts()) == Approx(2 * floor + 0.25 * l1).epsilon(1e-13));
  CHECK(FloorAndL1::name == "floor_and_l1");
  CHECK(FloorAndL1::counts == penalty::Counts::both);
  const adapter::Residue<gate::Relu, body::GatedUnit, FloorAndL1> residue{.penalty = {.first = {.floor = 0.25f}}};
  Settings said = residue.describe(tiny_backbone<float>()->config().sizes()).settings;
  CHECK(adapter::detail::take_options(said, "penalty") ==
        PolicyOptions{{"first_weight", 1}, {"second_weight", 1}, {"first_floor", 0.25}});
  using Any = penalty::Any<float, Cpu>;
  CHECK(Any(FloorAndL1{}).with({{"first_floor", 0.5}}).options.at("first_floor") == 0.5);
}

TEST_CASE("prototype: a learned level is a weight of the layer, which training changes") {
  auto model = tiny_model<float>(residue_of<float>(gate::Sigmoid{}, LearnedLevel{}));
  const auto* level = model.parameters()[4];
  CHECK(level->name == "adapter.0.penalty.level");
  CHECK(level->value.data()[0] == 0.75f);
  testing::train_on(model, TinyBatch(), 20, 2e-2, 1.0f);
  CHECK(std::abs(level->value.data()[0] - 0.75f) > 1e-3f);
}
