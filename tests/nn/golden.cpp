// A tiny llama with four extensions, against an independent PyTorch script (tests/golden): logits, losses, every
// gradient, ten training losses.
#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/none.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/gate/open.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/safetensors.hpp"
#include "neutra/nn/transformer.hpp"
#include "neutra/optim/adamw.hpp"
#include "neutra/optim/schedule.hpp"

#include "tests/catch.hpp"

using namespace neutra;

namespace {

const std::string folder = std::string(NEUTRA_SOURCE_DIR) + "/tests/golden/";

template <Scalar S> constexpr double tolerance = std::is_same_v<S, float> ? 1e-4 : 1e-9;

template <Scalar S> struct Golden {
  io::Safetensors file = io::Safetensors::open(folder + "golden.safetensors");
  io::Json json = io::read_json(folder + "golden.json");

  std::shared_ptr<const nn::Backbone<S, Cpu>> backbone() const {
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
    return std::make_shared<const nn::Backbone<S, Cpu>>(
        config, [&](const nn::Weight& weight) { return tensor("backbone." + weight.name); });
  }
  Tensor<S, Cpu> tensor(const std::string& name) const {
    const auto stored = file.read<S>(name);
    Tensor<S, Cpu> copy(stored.shape());
    std::copy_n(stored.data(), stored.size(), copy.data());
    return copy;
  }
  template <class T> std::vector<T> integers(const std::string& name) const {
    const auto stored = file.read<double>(name);
    return {stored.data(), stored.data() + stored.size()};
  }
};

/// The largest difference, divided by the largest golden value.
template <Scalar S> double difference(View<const S> got, View<const S> golden) {
  REQUIRE(got.size() == golden.size());
  double worst = 0, largest = 0;
  for (Index i = 0; i < got.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(got.data[i]) - static_cast<double>(golden.data[i])));
    largest = std::max(largest, std::abs(static_cast<double>(golden.data[i])));
  }
  return worst / largest;
}

/// Ten steps of one method; checks the results of each step.
template <Scalar S, class A> void check_method(const std::string& method, const A& adapter, bool thaw) {
  CAPTURE(method, sizeof(S));
  const Golden<S> golden;
  const auto& expected = golden.json["methods"][method];
  const auto& train = golden.json["train"];
  nn::Transformer<A, S, Cpu> model(golden.backbone(), adapter, 1);
  if (thaw) model.thaw();
  for (auto* parameter : model.parameters()) parameter->value = golden.tensor(method + ".start." + parameter->name);
  optim::AdamW<S, Cpu> adamw(model.parameters(), {.beta1 = train["betas"][0],
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
  Tape<S, Cpu> tape;
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
        CHECK(difference<S>(parameter->gradient, gradient) < tolerance<S>);
      }
    const double norm = adamw.gradient_norm();
    CHECK(norm == Approx(expected["gradient_norm"][at].template get<double>()).epsilon(tolerance<S>));
    CHECK(schedule(t) == Approx(expected["rates"][at].template get<double>()).epsilon(1e-12));
    adamw.step(schedule(t), norm);
  }
  if (method == "neutral")
    for (auto* parameter : model.parameters())
      CHECK(difference<S>(parameter->value, golden.tensor("neutral.end." + parameter->name)) < tolerance<S>);
}

}  // namespace

TEMPLATE_TEST_CASE("golden: the backbone's logits", "", float, double) {
  using S = TestType;
  const Golden<S> golden;
  nn::Transformer<adapter::None, S, Cpu> model(golden.backbone());
  const auto inputs = golden.template integers<std::int32_t>("data.inputs");
  Tape<S, Cpu> tape;
  tape.start(false);
  const auto logits = model.logits(tape, {4, 12, std::span(inputs).first(48)});
  CHECK(difference<S>(logits.value(), golden.tensor("backbone.logits")) < tolerance<S>);
}

TEMPLATE_TEST_CASE("golden: neutral residues", "", float, double) {
  check_method<TestType>("neutral", adapter::Residue<>{.width = 5}, false);
}

TEMPLATE_TEST_CASE("golden: neutral residues, every token computed", "", float, double) {
  check_method<TestType>("neutral", adapter::Residue<>{.width = 5, .skip = false}, false);
}

TEMPLATE_TEST_CASE("golden: vanilla adapter", "", float, double) {
  check_method<TestType>("adapter", adapter::Residue<gate::Open, body::GatedUnit, penalty::None>{.width = 6}, false);
}

TEMPLATE_TEST_CASE("golden: LoRA", "", float, double) {
  adapter::Lora lora;
  lora.rank = 2;
  check_method<TestType>("lora", lora, false);
}

TEMPLATE_TEST_CASE("golden: finetuning", "", float, double) {
  check_method<TestType>("finetune", adapter::None{}, true);
}
