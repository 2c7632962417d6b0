// DoRA: equality with rescaled merged weights, gradients with the norms held constant, capacity, files of settings.
#include "neutra/adapter/dora.hpp"

#include "neutra/adapter/any.hpp"
#include "neutra/adapter/list.hpp"

#include "tests/adapter/model.hpp"

#include <map>

namespace {

using adapter::Dora;
using adapter::Lora;
using adapter::Site;

Dora dora(double scale = 0.5) {
  Dora made;
  made.lora.rank = 2;
  made.lora.scale = scale;
  return made;
}

/// DoRA whose norms are those of the weights at the start of the test, so that differences see constants too.
struct FixedNorms {
  Dora dora;
  std::deque<Parameter<double, Cpu>>* held;  // a, b by place

  template <Scalar S, Backend D> struct Instance {
    Instance(const FixedNorms& fixed, const adapter::Sizes& sizes, std::uint64_t seed,
             const std::shared_ptr<adapter::BaseModel<S, D>>& base)
        : dora(fixed.dora, sizes, seed, base), lora(fixed.dora.lora, sizes, seed), base_model(base), held(fixed.held) {}
    std::vector<Parameter<S, D>*> parameters() { return dora.parameters(); }
    bool acts_at(Site site) const { return dora.acts_at(site); }
    Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
      const std::size_t here = lora.place(site, layer), pairs = held->size() / 2;
      const auto all = dora.parameters();
      const auto& weight = base_model->projection(layer, site);
      const auto values = adapter::host_values(weight);
      const Index out = weight.shape().rows(), in = weight.shape().cols();
      squares.emplace_back(Shape{out});
      for (Index o = 0; o < out; ++o)
        for (Index i = 0; i < in; ++i)
          squares.back().data()[o] += std::pow(values[static_cast<std::size_t>(o * in + i)], 2);
      auto& tape = pass.tape;
      const auto w = tape.constant(weight), a = tape.leaf((*held)[2 * here]), b = tape.leaf((*held)[2 * here + 1]);
      const auto c = magnitude_factors(tape.leaf(*all[2 * pairs + here]), w, a, b, squares.back().view(), lora.scale());
      const auto low = linear(x, tape.leaf(*all[2 * here]));
      return scale_columns(neutra::add(y, linear(low, tape.leaf(*all[2 * here + 1])), lora.scale()), c);
    }
    typename Dora::Instance<S, D> dora;
    typename Lora::Instance<S, D> lora;  // for its places
    std::shared_ptr<adapter::BaseModel<S, D>> base_model;
    std::deque<Parameter<S, D>>* held;
    std::deque<Tensor<S, D>> squares;
  };
};

}  // namespace

TEST_CASE("dora: it starts as the backbone to the bit, in every family") {
  const TinyBatch batch;
  for (const auto& config : tiny_configs()) {
    nn::Transformer<Dora, double, Cpu> model(tiny_backbone<double>(config), dora(), 1);
    CHECK(testing::numbers_of(model, batch, 0.0).logits == backbone_logits<double>(batch, config));
  }
}

TEST_CASE("dora: the logits are those of a backbone with m (W + scale B A) / ||W + scale B A||") {
  const TinyBatch batch;
  for (const auto& config : tiny_configs()) {
    nn::Transformer<Dora, double, Cpu> model(tiny_backbone<double>(config), dora(), 1);
    testing::fill_zero_parameters(model.parameters());
    std::map<std::string, const Tensor<double, Cpu>*> found;
    for (auto* parameter : model.parameters()) {
      if (parameter->name.ends_with(".magnitude"))
        for (Index o = 0; o < parameter->value.size(); ++o)
          parameter->value.data()[o] *= 1.5 + 0.1 * static_cast<double>(o);
      found[parameter->name] = &parameter->value;
    }
    const auto bare = tiny_backbone<double>(config);
    const auto merged = std::make_shared<const nn::Backbone<double, Cpu>>(bare->config(), [&](const nn::Weight& made) {
      auto weight = bare->weight(made.name).copy();
      if (!made.kind.site) return weight;
      const std::string prefix = concat("adapter.", made.layer, ".", adapter::to_string(*made.kind.site), ".");
      const auto &a = *found.at(prefix + "lora_a"), &b = *found.at(prefix + "lora_b"),
                 &m = *found.at(prefix + "magnitude");
      const Index in = weight.shape().cols();
      for (Index o = 0; o < weight.shape().rows(); ++o) {
        double square = 0;
        for (Index i = 0; i < in; ++i) {
          double& w = weight.data()[o * in + i];
          for (Index k = 0; k < 2; ++k) w += 0.5 * b.data()[o * 2 + k] * a.data()[k * in + i];
          square += w * w;
        }
        for (Index i = 0; i < in; ++i) weight.data()[o * in + i] *= m.data()[o] / std::sqrt(square);
      }
      return weight;
    });
    nn::Transformer<adapter::None, double, Cpu> plain(merged);
    plain.thaw();
    const auto expected = testing::numbers_of(plain, batch, 0.0).logits;
    const auto got = testing::numbers_of(model, batch, 0.0).logits;
    CHECK(relative_difference(got, expected) < 1e-12);
    CHECK(relative_difference(got, backbone_logits<double>(batch, config)) > 1e-2);
  }
}

TEST_CASE("dora: the gradients are those of a model whose norms are constants") {
  const TinyBatch batch({0, 1}, 3, 3);
  for (const double scale : {1.0, 0.5}) {
    auto model = tiny_model<double>(dora(scale));
    testing::fill_zero_parameters(model.parameters());
    std::deque<Parameter<double, Cpu>> held;
    for (const auto* parameter : model.parameters())
      if (!parameter->name.ends_with(".magnitude")) {
        held.emplace_back(parameter->name, parameter->value.clone());
        held.back().trained = false;
      }
    auto fixed = tiny_model<double>(FixedNorms{dora(scale), &held});
    testing::fill_zero_parameters(fixed.parameters());
    CHECK(model_gradient_error(fixed, batch, Slopes::smooth) < 1e-7);
    const auto one = testing::numbers_of(model, batch, 0.0), other = testing::numbers_of(fixed, batch, 0.0);
    CHECK(relative_difference(one.gradients, other.gradients) < 1e-13);
    CHECK(one.losses[0] == Approx(other.losses[0]).epsilon(1e-14));
  }
}

TEST_CASE("dora: it trains, and its description counts its weights") {
  auto model = tiny_model<float>(dora());
  const auto losses = testing::train_on(model, TinyBatch(), 6);
  CHECK(losses.back() < losses.front());
  Index there = 0;
  for (const auto* parameter : model.parameters()) there += parameter->value.size();
  const auto sizes = model.config().sizes();
  CHECK(there == dora().describe(sizes).weights);
  CHECK(dora().describe(sizes).settings.at("rank") == Setting(Index{2}));
  const adapter::Sizes large =
      nn::Config{.vocabulary = 9, .dim = 64, .ffn = 96, .layers = 3, .heads = 2, .context = 4}.sizes();
  const auto described = Dora{}.describe(large);
  const double share = static_cast<double>(described.weights) / static_cast<double>(large.block_weights());
  CHECK(share == Approx(0.2).margin(0.02));
}

TEST_CASE("dora: chosen at run time and in a list it computes the same") {
  const TinyBatch batch;
  auto plain = tiny_model<float>(dora());
  auto any = tiny_model<float>(adapter::Any<float, Cpu>(dora()));
  auto list = tiny_model<float>(adapter::List(dora()));
  const auto expected = testing::train_on(plain, batch, 3);
  CHECK(testing::train_on(any, batch, 3) == expected);
  CHECK(testing::train_on(list, batch, 3) == expected);
}
