// A trained adapter scaled, and its gates cut off, in evaluation: scale 0 is the backbone, closed tokens are skipped.
// The adapters of a list are scaled and switched off one by one.
#include "neutra/adapter/any_list.hpp"
#include "neutra/adapter/fixed.hpp"
#include "neutra/adapter/list.hpp"
#include "neutra/adapter/llama_pro.hpp"
#include "neutra/adapter/lora.hpp"
#include "neutra/nn/host.hpp"

#include "tests/adapter/model.hpp"
#include "tests/cases/message.hpp"

#include <set>

namespace {

template <class A> nn::Transformer<A, double, Cpu> trained(const A& adapter) {
  auto model = tiny_model<double>(adapter);
  testing::train_on(model, TinyBatch(), 5);
  return model;
}

template <class A>
std::vector<double> logits(nn::Transformer<A, double, Cpu>& model, double scale, double threshold = 0) {
  model.attenuation = {scale, threshold};
  return testing::numbers_of(model, TinyBatch(), 0.0).logits;
}

}  // namespace

TEST_CASE("attenuation: a scale of 0 is the backbone to the bit, 1 the adapter, and between them lies a curve") {
  const auto bare = backbone_logits<double>(TinyBatch());
  const auto check = [&](const auto& adapter) {
    auto model = trained(adapter);
    const auto whole = testing::numbers_of(model, TinyBatch(), 0.0).logits;
    CHECK(relative_difference(whole, bare) > 1e-3);
    CHECK(logits(model, 1) == whole);
    CHECK(logits(model, 0) == bare);
    double last = 0;
    for (const double scale : {0.25, 0.5, 0.75, 1.0}) {
      const double now = relative_difference(logits(model, scale), bare);
      CHECK(now > last);
      last = now;
    }
  };
  check(residue_of<double>(gate::Open{}, penalty::None{}));
  check(residue_of<double>(gate::Sigmoid{}, penalty::L1{}));
  check(residue_of<double>(gate::Sigmoid{}, penalty::L1{}, Placement::after));
  check(adapter::Lora{.rank = 2});
}

TEST_CASE("attenuation: a scale multiplies the residue") {
  auto model = trained(residue_of<double>(gate::Open{}, penalty::None{}, Placement::attention));
  const auto scaled = logits(model, 0.5);
  for (auto* parameter : model.parameters())
    if (parameter->name.ends_with("down_proj"))
      for (Index i = 0; i < parameter->value.size(); ++i) parameter->value.data()[i] *= 0.5;
  CHECK(relative_difference(scaled, logits(model, 1)) < 1e-12);
}

TEST_CASE("attenuation: a threshold closes the gates below it, and what it skips changes no bit") {
  for_each_type(Types<gate::Relu, gate::Sigmoid, gate::Tanh, gate::PerChannel<gate::Tanh>>{}, []<class G>() {
    CAPTURE(G::name);
    auto residue = residue_of<double>(G{}, penalty::None{});
    residue.skip = false;
    auto dense = trained(residue);
    residue.skip = true;
    auto skipping = trained(residue);
    if constexpr (!gate::PerChannel<gate::Relu>::name.empty()) balance_gates(dense, TinyBatch());
    std::set<double> seen;
    for (const double threshold : {0.0, 0.3, 0.5, 100.0}) {
      dense.attenuation = skipping.attenuation = {1, threshold};
      const auto from = dense.parameters(), to = skipping.parameters();
      for (std::size_t i = 0; i < from.size(); ++i)
        std::copy_n(from[i]->value.data(), from[i]->value.size(), to[i]->value.data());
      CHECK(testing::numbers_of(skipping, TinyBatch(), 0.0).logits ==
            testing::numbers_of(dense, TinyBatch(), 0.0).logits);
      const auto shares = open_shares(skipping, TinyBatch());
      if (threshold > 0) REQUIRE(shares.size() == 2);
      for (const double share : shares) seen.insert(share);
      if (threshold == 100) CHECK(shares == std::vector<double>{0, 0});
    }
    CHECK(seen.size() > 1);
    CHECK(logits(skipping, 1, 100) == backbone_logits<double>(TinyBatch()));
  });
}

TEST_CASE("attenuation: training ignores it, and a negative number is refused") {
  auto model = trained(residue_of<double>(gate::Relu{}, penalty::L1{}));
  const auto before = testing::numbers_of(model, TinyBatch(), 0.3);
  model.attenuation = {0.5, 0.2};
  const auto after = testing::numbers_of(model, TinyBatch(), 0.3);
  CHECK(after.gradients == before.gradients);
  CHECK(after.losses == before.losses);
  CHECK(after.logits != before.logits);
  CHECK(message([&] { logits(model, -1); }) == "attenuation: the scale must be 0 or more, got -1");
  CHECK(message([&] { logits(model, 1, std::nan("")); }) == "attenuation: the threshold must be 0 or more, got nan");
}

namespace {

using AnyAdapter = adapter::Any<float, Cpu>;
using AllOf = adapter::AnyList<float, Cpu>;
using Switched = nn::Transformer<AnyAdapter, float, Cpu>;

/// A residue, a LoRA, a residue elsewhere: three adapters that all change the logits.
std::vector<AnyAdapter> three() {
  return {residue_of<float>(gate::Relu{}, penalty::L1{}), adapter::Lora{.sites = {adapter::Site::q}, .rank = 2},
          residue_of<float>(gate::Sigmoid{}, penalty::None{}, Placement::attention)};
}
nn::Use<float> in(DType precision) { return {.precision = precision}; }
std::vector<float> logits(Switched& model, const adapter::Attenuation& attenuation) {
  model.attenuation = attenuation;
  const TinyBatch batch;
  Tape<float, Cpu> tape;
  tape.start(false);
  const auto value = model.logits(tape, batch.tokens()).value();
  return {value.data, value.data + value.size()};
}
/// A model of some of the three, with the weights that those have in a model of them all.
Switched of_some(Switched& all, const std::vector<std::size_t>& chosen, DType precision) {
  AllOf some;
  for (const std::size_t i : chosen) some.adapters.push_back(three()[i]);
  Switched model(tiny_backbone<float>(testing::tiny_config(), in(precision)), some, 1);
  const auto into = model.parameters();
  std::size_t next = 0;
  for (const std::size_t i : chosen)
    for (const auto* from : all.parameters())
      if (from->name.starts_with(concat(i, "."))) {
        const auto& value = from->value;
        std::copy_n(value.data(), value.size(), into.at(next++)->value.data());
      }
  return model;
}

}  // namespace

TEST_CASE("attenuation: any adapters of a list switched off, the others compute what they compute without them") {
  for (const DType precision : {DType::f32, DType::bf16}) {
    CAPTURE(to_string(precision));
    Switched all(tiny_backbone<float>(testing::tiny_config(), in(precision)), AllOf{three()}, 1);
    testing::fill_zero_parameters(all.parameters());
    Switched bare(tiny_backbone<float>(testing::tiny_config(), in(precision)), adapter::None{});
    const auto backbone = logits(bare, {});
    const auto whole = logits(all, {});
    for (int on = 0; on < 8; ++on) {
      CAPTURE(on);
      adapter::Attenuation attenuation{.members = {{}, {}, {}}};
      std::vector<std::size_t> chosen;
      for (std::size_t i = 0; i < 3; ++i)
        if (on >> i & 1)
          chosen.push_back(i);
        else
          attenuation.members[i].scale = 0;
      Switched some = of_some(all, chosen, precision);
      CHECK(logits(all, attenuation) == logits(some, {}));
      CHECK((logits(all, attenuation) == backbone) == chosen.empty());
      CHECK((logits(all, attenuation) == whole) == (chosen.size() == 3));
    }
    CHECK(logits(all, {.scale = 0}) == backbone);
    CHECK(logits(all, {}) == whole);  // per call: what was switched off comes back
  }
}

TEST_CASE("attenuation: members of members, the scale of one and the threshold of all") {
  const auto residue = residue_of<float>(gate::Relu{}, penalty::None{});
  const AnyAdapter inner = AllOf{{residue, adapter::Lora{.rank = 2}}};
  Switched model(tiny_backbone<float>(), AllOf{{inner, residue}}, 1);
  testing::fill_zero_parameters(model.parameters());
  const auto whole = logits(model, {});
  const auto lora_off = logits(model, {.members = {{.members = {{}, {.scale = 0}}}, {}}});
  CHECK(lora_off != whole);
  CHECK(logits(model, {.members = {{.members = {{}, {}}}, {.scale = 1}}}) == whole);
  CHECK(logits(model, {.members = {{.members = {{.scale = 0}, {.scale = 0}}}, {}}}) ==
        logits(model, {.members = {{.scale = 0}, {}}}));
  const auto halved = logits(model, {.members = {{.members = {{}, {.scale = 0.5}}}, {}}});
  CHECK(halved != whole);
  CHECK(halved != lora_off);
  // A threshold that closes all gates leaves the LoRA alone.
  const auto lora_alone = logits(model, {.members = {{.members = {{.scale = 0}, {}}}, {.scale = 0}}});
  CHECK(logits(model, {.threshold = 1e9}) == lora_alone);
  CHECK(logits(model, {.members = {{.threshold = 1e9}, {.threshold = 1e9}}}) == lora_alone);
  CHECK(logits(model, {.threshold = 1e9, .members = {{}, {}}}) == lora_alone);
  CHECK(logits(model, {.members = {{}, {.threshold = 1e9}}}) != lora_alone);
}

TEST_CASE("attenuation: an adapter that is fixed is switched off like any other, and copied layers are not run") {
  const AnyAdapter residue = residue_of<float>(gate::Sigmoid{}, penalty::None{}),
                   copies = adapter::LlamaPro{.blocks = 1};
  for (const AnyAdapter& first : {residue, copies}) {
    CAPTURE(first.kind());
    Switched free(tiny_backbone<float>(), first, 1);
    testing::fill_zero_parameters(free.parameters());
    auto weights = std::make_shared<std::vector<Tensor<float>>>();
    for (const auto* parameter : free.parameters()) weights->push_back(adapter::host_copy(parameter->value));
    Switched model(tiny_backbone<float>(), AllOf{{adapter::Fixed<float, Cpu>{first, weights}, residue}}, 1);
    testing::fill_zero_parameters(model.parameters());
    Switched bare(tiny_backbone<float>(), adapter::None{});
    CHECK(logits(model, {.members = {{}, {.scale = 0}}}) == logits(free, {}));
    CHECK(logits(model, {.members = {{.scale = 0}, {.scale = 0}}}) == logits(bare, {}));
    CHECK(logits(model, {.members = {{.scale = 0}, {}}}) != logits(bare, {}));
    CHECK(logits(free, {}) != logits(bare, {}));
    CHECK((logits(model, {.threshold = 1e9}) == logits(bare, {})) == (first.kind() == "residue"));
  }
}

TEST_CASE("attenuation: members that the adapter does not have are refused") {
  Switched one(tiny_backbone<float>(), residue_of<float>(gate::Relu{}, penalty::None{}), 1);
  CHECK(message([&] { logits(one, {.members = {{}}}); }) ==
        "attenuation: one adapter has no members, got the attenuation of 1; set its scale and threshold alone");
  Switched list(tiny_backbone<float>(), AllOf{three()}, 1);
  CHECK(message([&] {
          logits(list, {.members = {{}, {}}});
        }) == "attenuation: the list has 3 adapters, got the attenuation of 2; give one for each, or none");
  CHECK(message([&] {
          logits(list, {.members = {{}, {.members = {{}}}, {}}});
        }) == "attenuation: one adapter has no members, got the attenuation of 1; set its scale and threshold alone");
  CHECK(message([&] {
          logits(list, {.members = {{}, {.scale = -2}, {}}});
        }) == "attenuation: the scale must be 0 or more, got -2");
}
