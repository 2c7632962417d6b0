// A trained adapter scaled, and its gates cut off, in evaluation: scale 0 is the backbone, closed tokens are skipped.
#include "neutra/adapter/lora.hpp"

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
