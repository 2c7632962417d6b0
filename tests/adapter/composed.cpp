// Adapters and policies chosen at run time, and several adapters on one model, give the bits of the static composition.
#include "neutra/adapter/any.hpp"
#include "neutra/adapter/list.hpp"
#include "neutra/adapter/lora.hpp"

#include "tests/adapter/model.hpp"
#include "tests/cases/message.hpp"

namespace {

using adapter::Lora;
using adapter::Residue;
using adapter::Site;
using AnyAdapter = adapter::Any<float, Cpu>;

/// Losses of six training steps, then logits, losses and gradients.
template <class A> testing::Numbers history(const A& adapter, bool thaw = false) {
  auto model = tiny_model<float>(adapter, 5);
  if (thaw) model.thaw();
  const auto losses = testing::train_on(model, TinyBatch(), 6);
  auto numbers = testing::numbers_of(model, TinyBatch({1, 0}), 0.3f);
  numbers.losses.insert(numbers.losses.end(), losses.begin(), losses.end());
  return numbers;
}

void check_same(const testing::Numbers& a, const testing::Numbers& b) {
  CHECK(a.losses == b.losses);
  CHECK(a.logits == b.logits);
  CHECK(a.gradients == b.gradients);
  CHECK(a.losses.size() == 9);
  CHECK_FALSE(a.gradients.empty());
}

Lora small_lora() {
  Lora lora;
  lora.sites = {Site::q, Site::down};
  lora.rank = 2;
  lora.scale = 0.5;
  return lora;
}

}  // namespace

TEST_CASE("run-time policies: the bits of the static composition") {
  check_same(history(AnyResidue<float>{.gate = gate::Relu{},
                                       .body = body::GatedUnit{},
                                       .penalty = penalty::L1{},
                                       .init = init::LowVariance{},
                                       .width = 3}),
             history(Residue<>{.width = 3}));
  check_same(history(AnyResidue<float>{.gate = gate::JumpRelu{.threshold = 0.3f},
                                       .body = body::Bottleneck{},
                                       .penalty = penalty::DomainCrossEntropy{},
                                       .init = init::He{},
                                       .placement = Placement::attention,
                                       .width = 4}),
             history(Residue<gate::JumpRelu, body::Bottleneck, penalty::DomainCrossEntropy, init::He>{
                 .gate = {.threshold = 0.3f}, .placement = Placement::attention, .width = 4}));
  check_same(history(AnyResidue<float>{.gate = gate::TwoLayer<gate::Relu>{.hidden = 5},
                                       .body = body::GatedUnit{},
                                       .penalty = penalty::GateL1{},
                                       .init = init::He{},
                                       .placement = Placement::after,
                                       .width = 2}),
             history(Residue<gate::TwoLayer<gate::Relu>, body::GatedUnit, penalty::GateL1, init::He>{
                 .gate = {.hidden = 5}, .placement = Placement::after, .width = 2}));
}

TEST_CASE("run-time policies: their description is that of the static composition") {
  const auto sizes = testing::tiny_config().sizes();
  const auto said = [&](const auto& residue) {
    const auto d = residue.describe(sizes);
    std::string text = concat(d.kind, " ", d.weights);
    for (const auto& [key, setting] : d.settings) text += concat(" ", key, "=", text_of(setting));
    return text;
  };
  CHECK(said(AnyResidue<float>{.gate = gate::Relu{},
                               .body = body::GatedUnit{},
                               .penalty = penalty::L1{},
                               .init = init::LowVariance{},
                               .width = 3}) == said(Residue<>{.width = 3}));
  CHECK(said(Residue<>{.width = 3}) ==
        "residue 240 body=gated_unit capacity=0.2 gate=relu init=low_variance layers=all penalty=l1 "
        "placement=parallel width=3");
}

TEST_CASE("adapter::Any: the bits of the adapter it holds") {
  check_same(history(AnyAdapter(Residue<>{.width = 3})), history(Residue<>{.width = 3}));
  check_same(history(AnyAdapter(small_lora())), history(small_lora()));
  check_same(history(AnyAdapter(adapter::None{}), true), history(adapter::None{}, true));
  const auto sizes = testing::tiny_config().sizes();
  const AnyAdapter low_rank = small_lora();
  CHECK(low_rank.kind() == "lora");
  CHECK(low_rank.describe(sizes).settings.at("targets") == Setting("q|down"));
  CHECK(low_rank.settings().at("rank") == Setting(Index{2}));
  CHECK_FALSE(low_rank.local_loss());
  CHECK(AnyAdapter(Residue<>{}).local_loss() == penalty::Counts::original);
  CHECK(AnyAdapter(Residue<>{}).settings().at("width") == Setting(Index{0}));  // as given, not resolved
  CHECK_FALSE(AnyAdapter(Residue<gate::Relu, body::GatedUnit, penalty::None>{}).local_loss());
  const AnyAdapter copy = AnyAdapter(Residue<>{.width = 3});
  CHECK(AnyAdapter(copy).describe(sizes).weights == 240);
}

TEST_CASE("adapter::List: a list of one is that one, and of two the gradient of the whole model is right") {
  check_same(history(adapter::List(small_lora())), history(small_lora()));
  check_same(history(adapter::List(Residue<>{.width = 3})), history(Residue<>{.width = 3}));
  auto model = tiny_model<double>(adapter::List(small_lora(), Residue<>{.width = 2},
                                                Residue<gate::Sigmoid>{.placement = Placement::attention, .width = 2}));
  testing::fill_zero_parameters(model.parameters());
  CHECK(model_gradient_error(model, TinyBatch({0, 1, 0}, 3, 4)) < 1e-7);
}

TEST_CASE("adapter::List: all members count, each under its own name, and a silent member changes nothing") {
  const auto sizes = testing::tiny_config().sizes();
  const adapter::List list(small_lora(), Residue<>{.width = 3});
  CHECK(list.describe(sizes).weights == small_lora().describe(sizes).weights + 240);
  const Settings said = list.describe(sizes).settings;
  CHECK((said.at("0.targets") == Setting("q|down") && said.at("1.gate") == Setting("relu")));
  CHECK(said.at("1.width") == Setting(Index{3}));
  auto model = tiny_model<float>(list);
  std::vector<std::string> names;
  for (const auto* parameter : model.parameters()) names.push_back(parameter->name);
  REQUIRE(names.size() == 8 + 8);
  CHECK(names.front() == "0.adapter.0.q.lora_a");
  CHECK(names.back() == "1.adapter.1.down_proj");
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());

  auto alone = tiny_model<float>(small_lora());
  const auto fill = [](const auto& parameters) {
    for (auto* parameter : parameters)
      if (parameter->name.ends_with("lora_b")) std::fill_n(parameter->value.data(), parameter->value.size(), 0.25f);
  };
  fill(model.parameters());
  fill(alone.parameters());
  CHECK(testing::numbers_of(model, TinyBatch(), 0.0f).logits == testing::numbers_of(alone, TinyBatch(), 0.0f).logits);
}

TEST_CASE("adapter::List: the local losses of all members add up") {
  const TinyBatch batch;
  const auto local = [&](const auto& adapter) {
    auto model = tiny_model<double>(adapter);
    testing::fill_zero_parameters(model.parameters());
    for (auto* parameter : model.parameters())  // the same weights, whatever the list calls them
      for (Index i = 0; i < parameter->value.size(); ++i)
        parameter->value.data()[i] = 0.2 * std::sin(static_cast<double>(i + 1));
    return testing::numbers_of(model, batch, 0.0).losses[1];
  };
  const Residue<> one{.width = 3};
  const Residue<gate::Relu, body::GatedUnit, penalty::L2> two{.placement = Placement::attention, .width = 3};
  const Residue<gate::Relu, body::GatedUnit, penalty::None> silent{.width = 3};
  const double both = local(adapter::List(one, two)),
               first = local(adapter::List(one, Residue<gate::Relu, body::GatedUnit, penalty::None>{
                                                    .placement = Placement::attention, .width = 3}));
  const double second = local(adapter::List(silent, two));
  CHECK(first > 0);
  CHECK(second > 0);
  CHECK(both == Approx(first + second).epsilon(1e-12));
}

// Two equal members that start with equal weights would stay equal, and half of the capacity would be wasted.
TEST_CASE("adapter::List: equal members start with different weights") {
  auto model = tiny_model<float>(adapter::List(Residue<>{.width = 3}, Residue<>{.width = 3}));
  const auto parameters = model.parameters();
  REQUIRE(parameters.size() == 16);
  CHECK(parameters[0]->value.data()[0] != parameters[8]->value.data()[0]);
}
