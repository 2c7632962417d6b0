// LLaMA Pro and Control LLM: they start as the backbone, equal the models that they stand for, and have correct
// gradients.
#include "neutra/adapter/control_llm.hpp"
#include "neutra/adapter/llama_pro.hpp"

#include "neutra/adapter/any.hpp"
#include "neutra/adapter/list.hpp"
#include "neutra/nn/copied_layers.hpp"

#include "tests/adapter/model.hpp"
#include "tests/cases/message.hpp"

#include <set>

namespace {

using adapter::ControlLlm;
using adapter::LlamaPro;

/// Copies the values of the adapter's "adapter.LAYER.copy.NAME" to the weights that `place` names.
template <class Model, class Other, class Place> void copy_weights(Model& from, Other& to, const Place& place) {
  for (const auto* parameter : from.parameters()) {
    const std::string wanted = place(parameter->name);
    const auto all = to.parameters();
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto* one) { return one->name == wanted; });
    REQUIRE(found != all.end());
    std::copy_n(parameter->value.data(), parameter->value.size(), (*found)->value.data());
  }
}

}  // namespace

TEST_CASE("llama_pro: it starts as the backbone to the bit, in every family") {
  const TinyBatch batch;
  for (const auto& config : tiny_configs())
    for (const Index blocks : {1, 2}) {
      nn::Transformer<LlamaPro, double, Cpu> model(tiny_backbone<double>(config), LlamaPro{.blocks = blocks});
      CHECK(testing::numbers_of(model, batch, 0.0).logits == backbone_logits<double>(batch, config));
    }
}

TEST_CASE("llama_pro: trained copies give the numbers of the deeper model that with_copied_layers makes") {
  const TinyBatch batch;
  for (const auto& config : tiny_configs()) {
    const auto bare = tiny_backbone<double>(config);
    nn::Transformer<LlamaPro, double, Cpu> model(bare, LlamaPro{.blocks = 1});
    testing::train_on(model, batch, 3);
    const auto grown = nn::with_copied_layers(*bare, {1});
    nn::Transformer<adapter::None, double, Cpu> deeper(grown.backbone);
    deeper.thaw([&](const nn::Weight& weight) { return grown.copied(weight); });
    const std::string prefix = std::string(grown.backbone->list().layer_prefix) + "2.";
    copy_weights(model, deeper, [&](const std::string& name) { return prefix + name.substr(name.find(".copy.") + 6); });
    const auto one = testing::numbers_of(model, batch, 0.0), other = testing::numbers_of(deeper, batch, 0.0);
    CHECK(relative_difference(one.logits, other.logits) < 1e-14);
    CHECK(relative_difference(one.gradients, other.gradients) < 1e-13);
    CHECK(relative_difference(one.logits, backbone_logits<double>(batch, config)) > 1e-4);
  }
}

TEST_CASE("llama_pro and control_llm: the gradients of a whole model, stored and recomputed") {
  const TinyBatch batch({0, 1}, 3, 3);
  const auto check = [&](const auto& adapter) {
    auto model = tiny_model<double>(adapter);
    testing::fill_zero_parameters(model.parameters());
    for (auto* parameter : model.parameters())  // away from the frozen layer, where the divergence has no slope
      for (Index i = 0; i < parameter->value.size(); ++i) parameter->value.data()[i] *= 1.25;
    CHECK(model_gradient_error(model, batch, Slopes::smooth) < 1e-7);
    const auto stored = testing::numbers_of(model, batch, 1.0);
    model.recompute_layers = true;
    CHECK(testing::numbers_of(model, batch, 1.0).gradients == stored.gradients);
  };
  check(LlamaPro{.blocks = 1});
  check(ControlLlm{.blocks = 1});
}

TEST_CASE("control_llm: it starts as the backbone, and with a factor of 1 the copy replaces the layer") {
  const TinyBatch batch;
  for (const auto& config : tiny_configs()) {
    const auto bare = tiny_backbone<double>(config);
    nn::Transformer<ControlLlm, double, Cpu> model(bare, ControlLlm{.blocks = 1, .factor = 1});
    CHECK(relative_difference(testing::numbers_of(model, batch, 0.0).logits, backbone_logits<double>(batch, config)) <
          1e-12);
    CHECK(testing::numbers_of(model, batch, 0.0).losses[1] < 1e-20);
    testing::train_on(model, batch, 3);
    CHECK(testing::numbers_of(model, batch, 0.0).losses[1] > 1e-6);
    nn::Transformer<adapter::None, double, Cpu> tuned(bare);
    tuned.thaw([](const nn::Weight& weight) { return weight.layer == 1; });
    const std::string prefix = std::string(bare->list().layer_prefix) + "1.";
    copy_weights(model, tuned, [&](const std::string& name) { return prefix + name.substr(name.find(".copy.") + 6); });
    CHECK(relative_difference(testing::numbers_of(model, batch, 0.0).logits,
                              testing::numbers_of(tuned, batch, 0.0).logits) < 1e-12);
  }
}

TEST_CASE("control_llm: half of a copy lies halfway between the layer and the copy") {
  auto whole = tiny_model<double>(ControlLlm{.blocks = 2, .factor = 1});
  auto half = tiny_model<double>(ControlLlm{.blocks = 2, .factor = 0.5});
  const TinyBatch batch;
  for (auto* parameter : whole.parameters())
    for (Index i = 0; i < parameter->value.size(); ++i) parameter->value.data()[i] *= 1.5;
  copy_weights(whole, half, [](const std::string& name) { return name; });
  whole.attenuation.scale = 0.5;
  CHECK(relative_difference(testing::numbers_of(half, batch, 0.0).logits,
                            testing::numbers_of(whole, batch, 0.0).logits) < 1e-12);
}

TEST_CASE("layer copies: which layers, how many for a capacity, and what is described") {
  const auto names = [](const auto& adapter, Index layers) {
    const auto backbone = tiny_backbone<float>(testing::tiny_config(layers));
    nn::Transformer<std::remove_cvref_t<decltype(adapter)>, float, Cpu> model(backbone, adapter);
    std::set<std::string> all;
    Index there = 0;
    for (const auto* parameter : model.parameters()) {
      all.insert(parameter->name.substr(0, parameter->name.find(".copy.")));
      there += parameter->value.size();
    }
    CHECK(there == adapter.describe(backbone->config().sizes()).weights);
    return all;
  };
  CHECK(names(LlamaPro{.blocks = 2}, 6) == std::set<std::string>{"adapter.2", "adapter.5"});
  CHECK(names(LlamaPro{.blocks = 3}, 4) == std::set<std::string>{"adapter.0", "adapter.1", "adapter.3"});
  CHECK(names(LlamaPro{}, 6) == std::set<std::string>{"adapter.5"});
  CHECK(names(LlamaPro{.capacity = 0.5}, 4) == std::set<std::string>{"adapter.1", "adapter.3"});
  CHECK(names(ControlLlm{.capacity = 1}, 2) == std::set<std::string>{"adapter.0", "adapter.1"});
  const adapter::Sizes sizes = testing::tiny_config(2).sizes();
  CHECK(LlamaPro{}.describe(testing::tiny_config(6).sizes()).settings.at("blocks") == Setting(Index{1}));
  CHECK(message([&] { LlamaPro{.blocks = 3}.describe(sizes); }) ==
        "llama_pro: the number of copied blocks must be from 1 to 2, the layers of the model (or 0, to follow from the "
        "capacity), got 3");
  CHECK(message([&] { LlamaPro{.capacity = 1.5}.describe(sizes); }) ==
        "llama_pro: a capacity of 1.5 is more than a copy of each of the 2 layers; lower it to at most 1");
  CHECK(message([&] { LlamaPro{.capacity = 0.2}.describe(sizes); }) ==
        "llama_pro: a capacity of 0.2 is less than half of a layer; raise it to at least 0.25, or give blocks=1");
  CHECK(LlamaPro{.capacity = 0.25}.describe(sizes).settings.at("blocks") == Setting(Index{1}));
  CHECK(message([] { LlamaPro{.capacity = 0.1}.describe(testing::tiny_config(3).sizes()); }).find("at least 0.167,") !=
        std::string::npos);
  CHECK(message([&] { LlamaPro{.capacity = 0}.describe(sizes); }) == "llama_pro: capacity must be positive, got 0");
  CHECK(message([&] { ControlLlm{.factor = 0}.describe(sizes); }) ==
        "control_llm: the interpolation factor must be in (0, 1], got 0");
}

TEST_CASE("llama_pro: chosen at run time and beside a residue it trains") {
  const TinyBatch batch;
  auto plain = tiny_model<float>(LlamaPro{.blocks = 1});
  auto any = tiny_model<float>(adapter::Any<float, Cpu>(LlamaPro{.blocks = 1}));
  const auto losses = testing::train_on(plain, batch, 4);
  CHECK(losses.back() < losses.front());
  CHECK(testing::train_on(any, batch, 4) == losses);
  auto both = tiny_model<float>(adapter::List(LlamaPro{.blocks = 1}, adapter::Residue<>{.width = 3}));
  CHECK(testing::train_on(both, batch, 4).back() < losses.front());
}
