// A gate with trainable parameters: a temperature and a bias per layer.
//
// A researcher writes only the struct. The tests show its parameters in the capacity, in the file and in the gradient.
#include "neutra/gate/causal_mean.hpp"
#include "neutra/nn/adapter_file.hpp"
#include "neutra/testing/check_policy.hpp"

#include "tests/adapter/model.hpp"
#include "tests/allocations.hpp"
#include "tests/io/scratch.hpp"

namespace {

/// g = sigmoid((s + bias) / temperature)
struct Tempered {
  static constexpr std::string_view name = "tempered";
  float start = 1.5f;

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) { visit("start", self.start); }
  std::vector<Weight> weights(Index) const { return {{"temperature", {1}, double{start}}, {"bias", {1}, 0.0}}; }
  template <class V> V f(V s, Parameters<V, 2> p) const { return math::sigmoid((s + p[1]) / p[0]); }
  template <class V> V df(V, V g, Parameters<V, 2> p) const { return g * (V(1) - g) / p[0]; }
  template <class V> Parameters<V, 2> dp(V s, V g, Parameters<V, 2> p) const {
    const V slope = g * (V(1) - g) / p[0];
    return {{V(0) - slope * (s + p[1]) / p[0], slope}};
  }
};

/// g = max(0, s - threshold): closed tokens are skipped, open ones train the threshold
struct Threshold {
  static constexpr std::string_view name = "threshold";
  static constexpr bool exact_zero = true;
  std::vector<Weight> weights(Index) const { return {{"threshold", {1}, 0.25}}; }
  template <class V> V f(V s, Parameters<V, 1> p) const { return math::select(s > p[0], s - p[0], V(0)); }
  template <class V> V df(V s, V, Parameters<V, 1> p) const { return math::select(s > p[0], V(1), V(0)); }
  template <class V> Parameters<V, 1> dp(V s, V, Parameters<V, 1> p) const {
    return {{math::select(s > p[0], V(-1), V(0))}};
  }
};

struct WrongByBias : Tempered {
  template <class V> Parameters<V, 2> dp(V s, V g, Parameters<V, 2> p) const {
    return {{Tempered::dp(s, g, p)[0], g * (V(1) - g)}};
  }
};
struct OneTooMany : Tempered {
  std::vector<Weight> weights(Index) const { return {{"temperature", {1}, 1.5}}; }
};

adapter::Sizes wide() {
  nn::Config config{.vocabulary = 9, .dim = 192, .ffn = 512, .layers = 2, .heads = 6, .context = 4};
  config.complete();
  return config.sizes();
}

}  // namespace

TEST_CASE("prototype: a gate trains a temperature and a bias per layer") {
  CHECK(testing::check_policy<Tempered>() == testing::Faults{});
  CHECK(testing::check_policy<Threshold>() == testing::Faults{});
  CHECK(testing::check_policy<gate::TwoLayer<Tempered>>() == testing::Faults{});
  CHECK(testing::check_policy<gate::PerChannel<Tempered>>() == testing::Faults{});
  CHECK(testing::check_policy<gate::CausalMean<Tempered>>() == testing::Faults{});
  auto model = tiny_model<double>(residue_of<double>(Tempered{}, penalty::L1{}));
  std::vector<std::string> names;
  for (const auto* parameter : model.parameters()) names.push_back(parameter->name);
  REQUIRE(names.size() == 12);
  CHECK(names[0] == "adapter.0.gate");
  CHECK(names[1] == "adapter.0.gate.temperature");
  CHECK(names[2] == "adapter.0.gate.bias");
  CHECK(names[7] == "adapter.1.gate.temperature");
  CHECK(model.parameters()[7]->value.data()[0] == 1.5);
  testing::fill_zero_parameters(model.parameters());
  CHECK(model_gradient_error(model, TinyBatch({0, 1}, 3, 3)) < 1e-7);
}

TEST_CASE("prototype: training changes the parameters of the gate, those of each layer separately") {
  auto model = tiny_model<float>(residue_of<float>(Tempered{}, penalty::L1{}));
  testing::train_on(model, TinyBatch());
  for (const std::size_t at : {1, 2, 7, 8}) {
    const float start = at % 6 == 1 ? 1.5f : 0.0f, now = model.parameters()[at]->value.data()[0];
    CHECK(std::abs(now - start) > 1e-3f);
  }
  CHECK(model.parameters()[1]->value.data()[0] != model.parameters()[7]->value.data()[0]);
}

TEST_CASE("prototype: a gate with parameters allocates no memory after the first step") {
  if (!allocations_counted()) return;
  const TinyBatch batch;
  auto model = tiny_model<float>(residue_of<float>(gate::CausalMean<Threshold>{}, penalty::L1{}));
  testing::fill_zero_parameters(model.parameters());
  balance_gates(model, batch);
  optim::AdamW<float, Cpu> adamw(model.parameters(), {});
  Tape<float, Cpu> tape;
  for (int step = 0; step < 4; ++step) {
    const auto before = allocations();
    tape.start();
    tape.backward(model.loss(tape, batch.tokens(), batch.counts()).total(0.1f));
    adamw.step(1e-6, adamw.gradient_norm());
    if (step > 0) CHECK(allocations() == before);
  }
}

TEST_CASE("prototype: fixed weights count in the capacity") {
  const adapter::Sizes sizes = wide();
  const auto met = [&](const auto& residue) {
    const auto described = residue.describe(sizes);
    typename std::remove_cvref_t<decltype(residue)>::template Instance<float, Cpu> instance(residue, sizes, 1);
    Index there = 0;
    for (const auto* parameter : instance.parameters()) there += parameter->value.size();
    CHECK(there == described.weights);
    return static_cast<double>(there) / static_cast<double>(sizes.block_weights());
  };
  CHECK(met(adapter::Residue<Tempered>{.capacity = 0.05}) == Approx(0.05).epsilon(0.02));
  CHECK(met(adapter::Residue<gate::PerChannel<Tempered>>{.capacity = 0.2}) == Approx(0.2).epsilon(0.02));
}

TEST_CASE("prototype: the parameters of the gate are saved and loaded, its options recorded") {
  const scratch::Folder folder;
  auto first = tiny_model<float>(residue_of<float>(Tempered{.start = 2}, penalty::L1{}), 1),
       second = tiny_model<float>(residue_of<float>(Tempered{.start = 2}, penalty::L1{}), 2);
  testing::train_on(first, TinyBatch(), 3);
  const nn::Base base = nn::base_of(*first.backbone());
  const auto described = residue_of<float>(Tempered{.start = 2}, penalty::L1{}).describe(first.config().sizes());
  CHECK(described.settings.at("gate.start") == Setting(2.0));
  const auto path = folder / "adapter.safetensors";
  nn::save_adapter<float, Cpu>(path, first.parameters(), described, base);
  nn::load_adapter_weights<float, Cpu>(path, second.parameters(), base);
  for (std::size_t i = 0; i < first.parameters().size(); ++i)
    CHECK(first.parameters()[i]->value.data()[0] == second.parameters()[i]->value.data()[0]);
}

TEST_CASE("prototype: a wrong derivative by a parameter of a gate, and an undeclared parameter, are named") {
  const auto said = [](const testing::Faults& faults, std::string_view part) {
    return std::any_of(faults.begin(), faults.end(), [&](const auto& text) { return text.find(part) != text.npos; });
  };
  CHECK(said(testing::check_policy<WrongByBias>(), "differs from central differences"));
  CHECK(said(testing::check_policy<OneTooMany>(), "f takes 2 parameters"));
}
