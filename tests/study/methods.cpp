// Specs become methods: defaults, labels and rates. An unknown name is refused with its column and the nearest known
// one.
#include "neutra/study/methods.hpp"

#include "tests/io/scratch.hpp"
#include "tests/train/small.hpp"

using namespace neutra;
using scratch::says;
using small::methods;

namespace {

std::vector<std::string> labels(const std::vector<std::string>& specs) {
  std::vector<std::string> all;
  for (const study::Method& method : methods(specs)) all.push_back(method.label);
  return all;
}
using Labels = std::vector<std::string>;

template <class... Parts> bool refused(const std::string& spec, const Parts&... parts) {
  return says([&] { methods({spec}); }, parts...);
}

}  // namespace

TEST_CASE("methods: labels are given, or made of the name and the settings that differ") {
  CHECK(labels({"neutral", "mine: lora"}) == Labels{"neutral", "mine"});
  CHECK(labels({"residue(gate={relu,elu}, capacity={0.1,0.2})"}) ==
        Labels{"residue, capacity 0.1, gate relu", "residue, capacity 0.2, gate relu",
               "residue, capacity 0.1, gate elu", "residue, capacity 0.2, gate elu"});
  CHECK(labels({"x: neutral(gate={relu,jump_relu(threshold=0.2)})"}) == Labels{"x, gate relu", "x, gate jump_relu"});
  CHECK(labels({"neutral", "neutral(gate=elu)"}) == Labels{"neutral, gate relu", "neutral, gate elu"});
  CHECK(labels({"neutral(alpha=0.1)", "neutral(alpha={1,2})"}) == Labels{"neutral, alpha 0.1", "neutral, alpha 1|2"});
  CHECK(labels({"a\x1b\x07: lora"}) == Labels{"a\\x1b\\x07"});
  CHECK(labels({std::string(3000, 'a') + ": lora"})[0].size() < 100);
}

TEST_CASE("methods: one that is given twice is refused") {
  CHECK(says([] { methods({"neutral", "neutral"}); }, "the method 'neutral' was given twice", "LABEL: neutral"));
  CHECK(says([] { methods({"neutral", "neutral(gate=relu)"}); }, "given twice"));
  CHECK(says([] { methods({"residue(gate={elu,elu})"}); }, "given twice"));
  CHECK(says([] { methods({"a: lora", "a: neutral"}); }, "column 1: the label 'a' was given twice"));
  CHECK(says(
            [] {
              methods({"lora: neutral", "lora"});
            },
            "given twice") == false);  // their labels say in what they differ
}

TEST_CASE("methods: rates are those of the label, of the label that a sweep shares, of the name, or of all") {
  const std::vector<std::string> specs{"swept: residue(penalty={l1,l2})", "residue", "lora", "own: lora(lr=4)"};
  const auto made = study::methods_of(
      specs, small::registry(),
      {.rates = {{"", {1}}, {"residue", {2}}, {"swept", {3}}, {"swept, penalty l2", {5}}, {"own", {6}}}});
  REQUIRE(made.size() == 5);
  CHECK(made[0].rates == std::vector{3.0});
  CHECK(made[1].rates == std::vector{5.0});
  CHECK(made[2].rates == std::vector{2.0});
  CHECK(made[3].rates == std::vector{1.0});
  CHECK(made[4].rates == std::vector{4.0});
  CHECK(says(
      [&] {
        study::methods_of(specs, small::registry(), {.rates = {{"sweep", {1}}}});
      },
      "--lr: there is no method 'sweep' (did you mean 'swept'"));
}

TEST_CASE("methods: evidence is the residue of docs/results/recipe, and its settings may be given otherwise") {
  const study::Method evidence = small::method("evidence");
  const study::Method spelled = small::method(
      "residue(gate=biased(contextual(hard_sigmoid, sum=1, hidden=16)), "
      "penalty=domain_cross_entropy(original_weight=9), init=he_body, alpha=0.1, layers=upper, kl=1)");
  CHECK(evidence.all_settings() == spelled.all_settings());
  CHECK(evidence.alphas == spelled.alphas);
  CHECK(evidence.alphas == std::vector{0.1});
  CHECK(small::method("evidence(alpha=1)").alphas == std::vector{1.0});
  CHECK(small::method("evidence(penalty=none)").alphas.empty());
  CHECK_FALSE(small::method("evidence(gate=relu)").adapter.settings().contains("gate.hidden"));
}

TEST_CASE("methods: what trains, what has an alpha, and further settings of any") {
  const auto all = methods({"neutral", "finetune", "lora", "adapter", "none(trains=model)"});
  CHECK((all[0].has_alpha() && !all[1].has_alpha() && !all[2].has_alpha() && !all[3].has_alpha()));
  CHECK((all[0].trains == study::Trains::adapter && all[1].trains == study::Trains::model));
  CHECK(all[1].all_settings() == all[4].all_settings());
  CHECK(small::method("neutral(penalty=none)").has_alpha() == false);
  CHECK(text_of(small::method("neutral(gate=two_layer(jump_relu, hidden=64))").adapter.settings().at("gate.hidden")) ==
        "64");
}

TEST_CASE("methods: rates, decay and freezing of parameters by name are groups, the longest name first") {
  const auto made = small::method(
      "x: neutral(rate_factor.gate=0.1, weight_decay.gate.temperature=0, frozen.gate_proj=true, "
      "rate_factor.down_proj=2)");
  REQUIRE(made.groups.size() == 4);
  CHECK((made.groups[0].name == "gate.temperature" && made.groups[0].weight_decay == 0.0));
  CHECK((made.groups[2].name == "gate_proj" && made.groups[2].frozen == true && !made.groups[2].rate_factor));
  CHECK((made.groups[1].name == "down_proj" && made.groups[1].rate_factor == 2.0));
  CHECK((made.groups[3].name == "gate" && made.groups[3].rate_factor == 0.1 && !made.groups[3].weight_decay));
  CHECK(made.freezes("adapter.0.gate_proj", {2, 2}));
  CHECK_FALSE(made.freezes("adapter.0.gate", {1, 2}));
  const Settings settings = made.all_settings();
  CHECK(settings.at("rate_factor.gate") == Setting(0.1));
  CHECK(settings.at("weight_decay.gate.temperature") == Setting(0.0));
  CHECK(settings.at("frozen.gate_proj") == Setting(true));
  CHECK(settings.size() == small::method("neutral").all_settings().size() + 4);  // what is not given is not recorded
  CHECK(made.adapter.settings() == small::method("neutral").adapter.settings());
  CHECK(labels({"neutral(rate_factor.gate={0.1,1})"}) ==
        Labels{"neutral, rate_factor.gate 0.1", "neutral, rate_factor.gate 1"});
  CHECK(refused("neutral(rate_factor.gate=slow)", "column 26: rate_factor.gate must be a number, got 'slow'"));
  CHECK(refused("neutral(frozen.gate=1)", "column 21: frozen.gate must be true or false, got '1'"));
  CHECK(refused("neutral(rate_factor=2)", "rate_factor is no setting of residue"));
}

TEST_CASE("methods: regularisers are settings of a method, told apart and recorded with their options") {
  const auto made = small::method("x: finetune(ssu=0.25, ewc=100, ewc.sequences=64, frozen.embed_tokens=true)");
  REQUIRE(made.regularisers.size() == 2);
  CHECK((made.regularisers[0].name() == "ewc" && made.regularisers[1].name() == "ssu"));  // in the order of the list
  const Settings settings = made.all_settings();
  CHECK(settings.at("ewc") == Setting(100.0));
  CHECK(settings.at("ewc.sequences") == Setting(Index{64}));
  CHECK(settings.at("ssu") == Setting(0.25));
  CHECK(settings.at("ssu.sequences") == Setting(Index{256}));
  CHECK_FALSE(settings.contains("l2_sp"));
  CHECK(settings.size() == small::method("finetune").all_settings().size() + 5);
  CHECK(labels({"finetune(l2_sp={0.1,1})"}) == Labels{"finetune, l2_sp 0.1", "finetune, l2_sp 1"});
  CHECK(refused("finetune(ewc=much)", "column 14: ewc must be a number, got 'much'"));
  CHECK(refused("finetune(ewc=-1)", "column 14: ewc must not be negative, got -1"));
  CHECK(refused("finetune(ewc=1, ewc.sequence=3)", "column 14: ewc has no option 'sequence'"));
  CHECK(refused("finetune(ewc=1, ewc.sequences=2.5)", "sequences must be a whole number"));
  CHECK(refused("finetune(ewc=1, ewc.sequences=0)", "ewc.sequences must be at least 1, got 0"));
  CHECK(refused("finetune(ssu=1.5)", "column 14: ssu must be a share of columns in [0, 1], got 1.5"));
}

TEST_CASE("methods: an unknown name is refused with its column and the nearest known one") {
  CHECK(refused("nuetral", "column 1: there is no method 'nuetral' (did you mean 'neutral'?)",
                "known: neutral, adapter, lora, finetune, evidence, control_llm, dora, list, llama_pro, moe_lpr, none, "
                "oplora, residue"));
  CHECK(refused("x: residue(gaet=relu)", "column 17: gaet is no setting of residue (did you mean 'gate'?)"));
  CHECK(refused("residue(gate=relo)", "column 14: gate: there is no gate called 'relo' (did you mean 'relu'?)"));
  CHECK(
      refused("residue(gate=per_channel(tan))", "no gate called 'per_channel_tan' (did you mean 'per_channel_tanh'?)"));
  CHECK(refused("residue(gate=relu(threshold=1))", "column 14: gate: relu has no option 'threshold'"));
  CHECK(refused("residue(capacity=much)", "column 18: capacity must be a number, got 'much'"));
  CHECK(refused("lora(targets=q|x)", "column 14: targets must be among q k v o gate up down, got 'x'"));
  CHECK(refused("lora(rank=2.5)", "column 11: rank must be a whole number below 2^31, got '2.5'"));
  CHECK(refused("lora(trains=all)", "column 13: trains must be model or adapter, got 'all'"));
  CHECK(refused("lora(alpha=0.1)", "column 6: alpha has no effect: lora has no local loss"));
}

TEST_CASE("methods: several adapters on one model are a method like any other") {
  const study::Method both = small::method("both: list(lora(rank=4), residue(gate=elu), alpha=0.1)");
  CHECK((both.label == "both" && both.adapter.kind() == "list" && both.has_alpha()));
  CHECK(both.alphas == std::vector<double>{0.1});
  const Settings settings = both.all_settings();
  CHECK((settings.at("0") == Setting("lora") && settings.at("0.rank") == Setting(Index{4})));
  CHECK((settings.at("1") == Setting("residue") && settings.at("1.gate") == Setting("elu")));
  const auto sizes = small::config().sizes();
  const auto described = both.adapter.describe(sizes);
  CHECK(described.weights == small::method("lora(rank=4)").adapter.describe(sizes).weights +
                                 small::method("residue(gate=elu)").adapter.describe(sizes).weights);
  CHECK(small::registry().make(described.kind, described.settings).describe(sizes).settings == described.settings);
  CHECK(labels({"list(lora(rank={2,4}), residue)"}) == Labels{"list, 0.rank 2", "list, 0.rank 4"});
  CHECK(refused("list", "column 1: list must have a member; write its members, as in  list(lora(rank=4), residue)"));
  CHECK(refused("list(lora, residue(gate=relo))", "column 25: 1.gate: there is no gate called 'relo'"));
  CHECK(refused("list(lora, loro)", "column 12: 1: there is no adapter called 'loro' (did you mean 'lora'?)"));
}
