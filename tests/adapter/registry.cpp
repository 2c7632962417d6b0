// Policies by name: all of the library's and the user's own are found, near misses are suggested, and descriptions make
// what they describe.
#include "neutra/adapter/registry.hpp"

#include "neutra/study/job.hpp"

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
      CHECK_NOTHROW(registry.gates.find(Policy::name));
    else if constexpr (Penalty<Policy>)
      CHECK_NOTHROW(registry.penalties.find(Policy::name));
    else if constexpr (Init<Policy>)
      CHECK_NOTHROW(registry.inits.find(Policy::name));
    else
      CHECK_NOTHROW(registry.bodies.find(Policy::name));
    ++count;
  };
  for_each_type(gate::All{}, found);
  for_each_type(body::All{}, found);
  for_each_type(penalty::All{}, found);
  for_each_type(init::All{}, found);
  CHECK(count > 20);
}

TEST_CASE("registry: a user's own policies go to their families, once") {
  const Registry registry = Registry::with<Types<gate::Relu>, Halving, Narrow>();
  CHECK_NOTHROW(registry.gates.find("halving"));
  CHECK_NOTHROW(registry.inits.find("narrow"));
  CHECK(says([&] { registry.gates.find("tanh"); }, "no gate called 'tanh'",
             "known: halving, relu"));  // the list given is the list there is
  CHECK(says([&] { registry.gates.find("halvin"); }, "did you mean 'halving'?"));
  CHECK(says([] { Registry::with<gate::All, Halving, Halving>(); }, "the gate 'halving' is there twice"));
  CHECK(says([] { Registry::with<gate::All, gate::Relu>(); }, "'relu' is there twice"));
}

TEST_CASE("registry: what a method's adapter says of itself makes the same adapter again") {
  const Registry registry = Registry::with<gate::All>();
  study::Options options;
  options.gate = "tanh";
  options.body = "bottleneck";
  options.penalty = "l2";
  options.placement = "attention";
  options.lora_sites = {adapter::Site::q, adapter::Site::down};
  for (const std::string method : {"neutral", "adapter", "lora"}) {
    INFO(method);
    const auto first = study::adapter_of(method, options, registry).describe(sizes),
               second = registry.make(first).describe(sizes);
    CHECK(first.weights > 0);
    CHECK(std::tie(first.method, first.gate, first.body, first.penalty, first.init, first.placement, first.sites,
                   first.width, first.rank, first.weights) ==
          std::tie(second.method, second.gate, second.body, second.penalty, second.init, second.placement, second.sites,
                   second.width, second.rank, second.weights));
  }
  const auto neutral = study::adapter_of("neutral", options, registry).describe(sizes),
             vanilla = study::adapter_of("adapter", options, registry).describe(sizes);
  CHECK(neutral.gate == "tanh");
  CHECK(neutral.penalty == "l2");
  CHECK(vanilla.gate == "open");
  CHECK(vanilla.penalty == "none");
  CHECK(vanilla.init == "he");
  CHECK(vanilla.body == "bottleneck");
  CHECK(study::adapter_of("lora", options, registry).describe(sizes).sites == "q,down");
  CHECK(study::adapter_of("finetune", options, registry).describe(sizes).weights == 0);
}

TEST_CASE("registry: unknown methods, places and projections are refused by name") {
  const Registry registry = Registry::with<gate::All>();
  CHECK(says([&] { registry.make({.method = "prefix"}); }, "none, lora or residue, got 'prefix'"));
  CHECK(says([&] { study::adapter_of("lorra", {}, registry); }, "no method 'lorra'", "'lora'"));
  CHECK(says([] { Registry::placement("before"); }, "parallel, after or attention, got 'before'"));
  CHECK(Registry::placement("after") == adapter::Placement::after);
  CHECK(Registry::sites("q,down") == std::vector<adapter::Site>{adapter::Site::q, adapter::Site::down});
  for (const char* list : {"", "q,", "attention", "q,q2", "Q"}) {
    INFO(list);
    CHECK(says([&] { Registry::sites(list); }, "--lora-targets must be among q k v o gate up down"));
  }
  const adapter::Description good = {
      .method = "residue", .gate = "relu", .body = "bottleneck", .penalty = "l1", .init = "he", .placement = "after"};
  CHECK_NOTHROW(registry.make(good, "a.safetensors"));
  const auto refused = [&](std::string adapter::Description::*member, const std::string& words) {
    auto description = good;
    description.*member = "relo";
    const std::string told = scratch::message([&] { registry.make(description, "a.safetensors"); });
    return told.starts_with("a.safetensors: ") && told.find(words) != std::string::npos &&
           told.find("--") == std::string::npos;
  };
  CHECK(refused(&adapter::Description::method, "the method must be none, lora or residue, got 'relo'"));
  CHECK(refused(&adapter::Description::gate, "there is no gate called 'relo'; did you mean 'relu'?"));
  CHECK(refused(&adapter::Description::body, "there is no body called 'relo'"));
  CHECK(refused(&adapter::Description::penalty, "there is no penalty called 'relo'"));
  CHECK(refused(&adapter::Description::init, "there is no init called 'relo'"));
  CHECK(refused(&adapter::Description::placement, "placement must be parallel, after or attention, got 'relo'"));
  study::Options misfit;
  misfit.gate = "open";
  misfit.penalty = "gate_l1";
  CHECK(
      says([&] { study::adapter_of("neutral", misfit, registry); }, "--penalty gate_l1 reads the gate", "--gate open"));
}
