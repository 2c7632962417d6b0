// Ten steps of a method against the PyTorch script of tests/golden, on any device.
#pragma once

#include "neutra/adapter/none.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/safetensors.hpp"
#include "neutra/nn/transformer.hpp"
#include "neutra/optim/adamw.hpp"
#include "neutra/optim/schedule.hpp"
#include "neutra/testing/on_device.hpp"

#include "tests/catch.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace golden_run {

using namespace neutra;

inline const std::string folder = std::string(NEUTRA_SOURCE_DIR) + "/tests/golden/";

template <Scalar S> inline constexpr double tolerance = std::is_same_v<S, float> ? 1e-4 : 1e-9;

template <Scalar S, Backend D> struct Golden {
  io::Safetensors file = io::Safetensors::open(folder + "golden.safetensors");
  io::Json json = io::read_json(folder + "golden.json");

  std::shared_ptr<const nn::Backbone<S, D>> backbone() const {
    const auto& m = json["model"];
    nn::Config config{.vocabulary = m["vocab_size"],
                      .dim = m["hidden_size"],
                      .ffn = m["intermediate_size"],
                      .layers = m["num_hidden_layers"],
                      .heads = m["num_attention_heads"],
                      .kv_heads = m["num_key_value_heads"],
                      .head_width = m["head_dim"],
                      .context = m["max_position_embeddings"],
                      .norm_epsilon = m["rms_norm_eps"],
                      .numbers = {{"rope_theta", m["rope_theta"].get<double>()}}};
    return std::make_shared<const nn::Backbone<S, D>>(
        config, [&](const nn::Weight& weight) { return tensor("backbone." + weight.name); });
  }
  Tensor<S, D> tensor(const std::string& name) const { return testing::on_device<S, D>(file.read<S>(name)); }
  template <class T> std::vector<T> integers(const std::string& name) const {
    const auto stored = file.read<double>(name);
    return {stored.data(), stored.data() + stored.size()};
  }
};

/// The largest difference, divided by the largest golden value.
template <Scalar S, Backend D> double difference(View<const S> got, const Tensor<S, D>& right) {
  const std::vector<S> found = testing::from_device<D>(got), golden = testing::from_device(right);
  REQUIRE(found.size() == golden.size());
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(found[i]) - static_cast<double>(golden[i])));
    largest = std::max(largest, std::abs(static_cast<double>(golden[i])));
  }
  return worst / largest;
}

/// Ten steps of one method; checks the results of each step.
template <Scalar S, Backend D, class A> void check_method(const std::string& method, const A& adapter, bool thaw) {
  CAPTURE(method, sizeof(S));
  const Golden<S, D> golden;
  const auto& expected = golden.json["methods"][method];
  const auto& train = golden.json["train"];
  nn::Transformer<A, S, D> model(golden.backbone(), adapter, 1);
  if (thaw) model.thaw();
  for (auto* parameter : model.parameters()) parameter->value = golden.tensor(method + ".start." + parameter->name);
  optim::AdamW<S, D> adamw(model.parameters(), {.beta1 = train["betas"][0],
                                                .beta2 = train["betas"][1],
                                                .epsilon = train["eps"],
                                                .weight_decay = train["weight_decay"],
                                                .clip = train["clip"]});
  const optim::Schedule schedule{.rate = expected["rate"],
                                 .steps = golden.json["data"]["steps"],
                                 .warmup = train["warmup"],
                                 .floor = train["floor"]};
  const auto inputs = golden.template integers<std::int32_t>("data.inputs"),
             targets = golden.template integers<std::int32_t>("data.targets");
  const auto domains = golden.template integers<std::uint8_t>("data.domains");
  const Index batch = golden.json["data"]["batch"], length = golden.json["data"]["sequence"], tokens = batch * length;
  const S alpha = expected.value("alpha", 0.0);
  Tape<S, D> tape;
  for (Index t = 0; t < schedule.steps; ++t) {
    CAPTURE(t);
    const auto at = static_cast<std::size_t>(t);
    const std::span<const std::uint8_t> labels(domains.data() + t * batch, static_cast<std::size_t>(batch));
    const nn::Tokens step{batch,
                          length,
                          {inputs.data() + t * tokens, static_cast<std::size_t>(tokens)},
                          {targets.data() + t * tokens, static_cast<std::size_t>(tokens)},
                          labels};
    tape.start();
    const auto losses =
        model.loss(tape, step, {tokens, static_cast<Index>(std::count(labels.begin(), labels.end(), 0)) * length});
    const auto loss = losses.total(alpha);
    tape.backward(loss);
    CHECK(losses.lm.item() == Approx(expected["lm"][at].template get<double>()).epsilon(tolerance<S>));
    const double local = losses.local ? static_cast<double>(losses.local->item()) : 0;
    CHECK(local == Approx(expected["local"][at].template get<double>()).epsilon(tolerance<S>).margin(tolerance<S>));
    CHECK(loss.item() == Approx(expected["loss"][at].template get<double>()).epsilon(tolerance<S>));
    if (t == 0)
      for (auto* parameter : model.parameters()) {
        CAPTURE(parameter->name);
        const auto gradient = golden.tensor(method + ".grad." + parameter->name);
        CHECK(difference<S, D>(parameter->gradient, gradient) < tolerance<S>);
      }
    const double norm = adamw.gradient_norm();
    CHECK(norm == Approx(expected["gradient_norm"][at].template get<double>()).epsilon(tolerance<S>));
    CHECK(schedule(t) == Approx(expected["rates"][at].template get<double>()).epsilon(1e-12));
    adamw.step(schedule(t), norm);
  }
  if (method == "neutral")
    for (auto* parameter : model.parameters())
      CHECK(difference<S, D>(parameter->value, golden.tensor("neutral.end." + parameter->name)) < tolerance<S>);
}

/// The logits of the backbone.
template <Scalar S, Backend D> void check_backbone() {
  const Golden<S, D> golden;
  nn::Transformer<adapter::None, S, D> model(golden.backbone());
  const auto inputs = golden.template integers<std::int32_t>("data.inputs");
  Tape<S, D> tape;
  tape.start(false);
  const auto logits = model.logits(tape, {4, 12, std::span(inputs).first(48)});
  CHECK(difference<S, D>(logits.value(), golden.tensor("backbone.logits")) < tolerance<S>);
}

}  // namespace golden_run
