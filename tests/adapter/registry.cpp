// Policies and adapters by name: the library's and the user's own are found, near names are suggested, and a
// description makes the adapter that it describes.
#include "neutra/adapter/registry.hpp"

#include "neutra/adapter/list.hpp"
#include "neutra/nn/families.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

using namespace neutra;
using adapter::Registry;
using scratch::says;

namespace {

struct Halving {  // g = max(0, s) / 2
  static constexpr std::string_view name = "halving";
  static constexpr bool exact_zero = true;
  template <class V> NEUTRA_HD V f(V s) const { return math::relu(s) * V(0.5); }
  template <class V> NEUTRA_HD V df(V s, V) const { return math::select(s > V(0), V(0.5), V(0)); }
};

struct Narrow {
  static constexpr std::string_view name = "narrow";
  double variance(const init::Matrix&) const { return 1e-4; }
};

const adapter::Sizes sizes =
    nn::Config{.vocabulary = 9, .dim = 64, .ffn = 96, .layers = 3, .heads = 2, .kv_heads = 1, .context = 4}.sizes();

}  // namespace

TEST_CASE("registry: every policy of the library is found by its name") {
  const Registry registry = Registry::with<gate::All>();
  int count = 0;
  const auto found = [&]<class Policy>() {
    if constexpr (Gate<Policy>)
      CHECK_NOTHROW(registry.gates.make(Policy::name));
    else if constexpr (Penalty<Policy>)
      CHECK_NOTHROW(registry.penalties.make(Policy::name));
    else if constexpr (Init<Policy>)
      CHECK_NOTHROW(registry.inits.make(Policy::name));
    else
      CHECK_NOTHROW(registry.bodies.make(Policy::name));
    ++count;
  };
  for_each_type(gate::All{}, found);
  for_each_type(body::All{}, found);
  for_each_type(penalty::All{}, found);
  for_each_type(init::All{}, found);
  CHECK(count > 20);
}

TEST_CASE("registry: a user's own policies are added to their families, once") {
  const Registry registry = Registry::with<Types<gate::Relu>, Halving, Narrow>();
  CHECK_NOTHROW(registry.gates.make("halving"));
  CHECK_NOTHROW(registry.inits.make("narrow"));
  CHECK(says([&] { registry.gates.make("tanh"); }, "no gate called 'tanh'",
             "known: biased(GATE), biased(causal_mean(GATE)), biased(contextual(GATE)), causal_mean(GATE), "
             "causal_mean(two_layer(GATE)), contextual(GATE), halving, per_channel(GATE), relu, two_layer(GATE)"));
  CHECK(says([&] { registry.gates.make("halvin"); }, "did you mean 'halving'?)"));
  CHECK(says([] { Registry::with<gate::All, Halving, Halving>(); }, "the gate 'halving' is there twice"));
  CHECK(says([] { Registry::with<gate::All, gate::Relu>(); }, "'relu' is there twice"));
}

TEST_CASE("registry: every plain gate comes in every wrapper, a user's own too") {
  const Registry registry = Registry::with<Types<gate::Relu, gate::JumpRelu>, Halving>();
  for (const char* name : {"per_channel_relu", "two_layer_halving", "causal_mean_jump_relu",
                           "causal_mean_two_layer_relu", "biased_relu", "contextual_halving", "biased_contextual_relu"})
    CHECK(registry.gates.make(name).name == name);
  CHECK(registry.gates.make("two_layer_jump_relu", {{"hidden", 3}, {"threshold", 0.5}}).options ==
        PolicyOptions{{"hidden", 3}, {"threshold", 0.5}});
  CHECK_FALSE(registry.gates.contains("per_channel_tanh"));
}

TEST_CASE("registry: the description of an adapter makes the same adapter") {
  const Registry registry = Registry::with<gate::All>();
  const auto again = [&](const std::string& kind, const Settings& settings) {
    const auto first = registry.make(kind, settings).describe(sizes);
    const auto second = registry.make(first.kind, first.settings).describe(sizes);
    CHECK((first.weights > 0 || kind == "none"));
    CHECK((first.kind == kind && second.kind == kind && first.settings == second.settings));
    CHECK(first.weights == second.weights);
    for (const auto& [key, setting] : settings) CHECK(first.settings.at(key) == setting);
  };
  again("residue", {{"gate", "two_layer_jump_relu"},
                    {"gate.threshold", 0.5},
                    {"gate.hidden", 3.0},
                    {"body", "bottleneck"},
                    {"penalty", "l2"},
                    {"placement", "attention"},
                    {"layers", "1"},
                    {"capacity", 0.1}});
  again("lora", {{"targets", "q|down"}, {"scale", 0.5}});
  again("dora", {{"targets", "q|down"}, {"scale", 0.5}});
  again("oplora", {{"targets", "q|down"}, {"top", Index{3}}});
  again("llama_pro", {{"capacity", 0.4}});
  again("control_llm", {{"factor", 0.25}});
  again("moe_lpr", {{"experts", "2|0|1"}, {"top", Index{3}}, {"review", 0.2}});
  again("none", {});
  const adapter::List list(adapter::Lora{.rank = 2}, adapter::Residue<>{.width = 3});
  const auto same = adapter::with_settings(adapter::List<adapter::Lora, adapter::Residue<>>(),
                                           list.describe(sizes).settings, registry);
  CHECK(same.describe(sizes).settings == list.describe(sizes).settings);
  again("list", list.describe(sizes).settings);
  again("list", {{"0", "list"}, {"0.0", "lora"}, {"0.0.rank", Index{2}}, {"1", "residue"}, {"1.gate", "elu"}});
}

TEST_CASE("registry: unknown adapters, settings and values are refused by name") {
  const Registry registry = Registry::with<gate::All>();
  const auto refused = [&](const std::string& kind, const Settings& settings, const auto&... words) {
    return says([&] { registry.make(kind, settings); }, words...);
  };
  CHECK(refused("prefix", {},
                "there is no adapter called 'prefix'; known: control_llm, dora, list, llama_pro, lora, moe_lpr, none, "
                "oplora, residue"));
  CHECK(refused("list", {}, "list must have a member; write its members, as in  list(lora(rank=4), residue)"));
  CHECK(refused("list", {{"rank", Index{4}}}, "rank is no setting of list; write its members"));
  CHECK(refused("list", {{"0", "lora"}, {"2", "lora"}}, "2 is no setting of list"));
  CHECK(refused("list", {{"0", "lora"}, {"1", "lorra"}}, "1: there is no adapter called 'lorra' (did you mean 'lora'"));
  CHECK(refused("list", {{"0", "residue"}, {"0.gate", "relo"}}, "0.gate: there is no gate called 'relo'"));
  CHECK(refused("residue", {{"gaet", "relu"}},
                "gaet is no setting of residue (did you mean 'gate'?); known: gate, body"));
  CHECK(refused("none", {{"rank", Index{1}}}, "rank is no setting of none; it has none"));
  CHECK(refused("residue", {{"gate", "relo"}}, "gate: there is no gate called 'relo' (did you mean 'relu'?); known: "));
  CHECK(refused("residue", {{"body", "relo"}}, "body: there is no body called 'relo'"));
  CHECK(refused("residue", {{"penalty", "relo"}}, "penalty: there is no penalty called 'relo'"));
  CHECK(refused("residue", {{"init", "relo"}}, "init: there is no init called 'relo'"));
  CHECK(refused("residue", {{"gate", "relu"}, {"gate.threshold", 1.0}}, "gate: relu has no option 'threshold'"));
  CHECK(
      refused("residue", {{"gate", "two_layer_relu"}, {"gate.hidden", 1.5}}, "hidden must be a whole number, got 1.5"));
  CHECK(refused("residue", {{"gate", Index{1}}}, "gate must be a text, got '1'"));
  CHECK(refused("residue", {{"placement", "before"}}, "placement must be parallel, after or attention, got 'before'"));
  for (const char* layers : {"", "some", "0-", "-1", "1|0", "0|0-1", "1-0", "0|", "0,1", "99999999999"})
    CHECK(
        refused("residue", {{"layers", layers}},
                concat("layers must be all, lower, upper, or layers in ascending order such as 0|3-5, got '", layers)));
  CHECK(refused("residue", {{"capacity", "much"}}, "capacity must be a number, got 'much'"));
  CHECK(refused("residue", {{"width", 1e300}}, "width must be a whole number below 2^31, got '1e+300'"));
  for (const char* list : {"", "q|", "attention", "q|q2", "Q"}) {
    INFO(list);
    CHECK(refused("lora", {{"targets", list}}, "targets must be among q k v o gate up down"));
  }
  CHECK(says(
      [&] {
        adapter::with_settings(adapter::Residue<>{}, {{"gate", "elu"}}, registry);
      },
      "gate must be relu, which is compiled in, got 'elu'"));
  CHECK(says(
      [&] {
        adapter::with_settings(adapter::List<adapter::Lora>(), {{"0", "none"}}, registry);
      },
      "0 must be lora, which is compiled in, got 'none'"));
  CHECK(says(
      [&] {
        registry.make("residue", {{"gate", "open"}, {"penalty", "gate_l1"}}).describe(sizes);
      },
      "the penalty gate_l1 reads the gate, but the gate is open"));
}
