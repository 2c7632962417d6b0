// MoE-LPR: it starts as the backbone, computes its formula and its two local losses, and has correct gradients in both
// stages.
#include "neutra/adapter/moe_lpr.hpp"

#include "neutra/adapter/any.hpp"
#include "neutra/nn/attached_backbone.hpp"

#include "tests/adapter/model.hpp"
#include "tests/cases/message.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace {

using adapter::ExpertCounts;
using adapter::MoeLpr;
using adapter::Site;
using Doubles = std::vector<double>;

MoeLpr moe(std::vector<Index> experts, Index top = 2) { return {.experts = {std::move(experts)}, .top = top}; }

/// Makes experts differ from the FFN and from each other.
template <class Model> void change_experts(Model& model) {
  for (auto* parameter : model.parameters()) {
    if (parameter->name.find(".expert.") == std::string::npos) continue;
    const auto more = testing::random_tensor<double, Cpu>(parameter->value.shape(), parameter->name, 0.3);
    for (Index i = 0; i < more.size(); ++i) parameter->value.data()[i] += more.data()[i];
  }
}

Doubles values_of(const Tensor<double, Cpu>& tensor) { return {tensor.data(), tensor.data() + tensor.size()}; }

/// W x      W: (out,in)
Doubles times(const Doubles& w, const Doubles& x) {
  Doubles y(w.size() / x.size());
  for (std::size_t o = 0; o < y.size(); ++o)
    for (std::size_t i = 0; i < x.size(); ++i) y[o] += w[o * x.size() + i] * x[i];
  return y;
}

/// down(silu(gate x) * (up x)) by plain loops.
Doubles ffn_of(const Doubles& gate, const Doubles& up, const Doubles& down, const Doubles& x) {
  Doubles inner = times(gate, x);
  const Doubles units = times(up, x);
  for (std::size_t f = 0; f < inner.size(); ++f) inner[f] *= units[f] / (1 + std::exp(-inner[f]));
  return times(down, inner);
}

Doubles softmax_of(Doubles x) {
  double total = 0;
  for (double& one : x) total += one = std::exp(one);
  for (double& one : x) one /= total;
  return x;
}

/// p of the `top` largest, divided by their sum; 0 for the others.
Doubles largest(Doubles p, std::size_t top) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return p[a] > p[b]; });
  double total = 0;
  for (std::size_t i = 0; i < top; ++i) total += p[order[i]];
  for (std::size_t i = 0; i < p.size(); ++i) p[order[i]] = i < top ? p[order[i]] / total : 0;
  return p;
}

/// One layer of three new experts, of which each token runs the two best of four.
struct OneLayer {
  nn::Config config = testing::tiny_config(1);
  std::shared_ptr<const nn::Backbone<double, Cpu>> backbone = tiny_backbone<double>(config);
  std::shared_ptr<adapter::BaseModel<double, Cpu>> base = std::make_shared<nn::AttachedBackbone<double, Cpu>>(backbone);
  MoeLpr::Instance<double, Cpu> instance{moe({3}), config.sizes(), 1, base};
  Tensor<double, Cpu> x = testing::random_tensor<double, Cpu>({6, 12}, "x", 1.0);
  std::vector<double> original{1, 1, 0, 0, 0, 0}, target{0, 0, 1, 1, 1, 1};
  Tape<double, Cpu> tape;

  OneLayer() { change_experts(instance); }

  /// In a step of 8 original and 12 target tokens.
  Pass<double, Cpu> pass(double progress = 0) {
    tape.start();
    return {
        .tape = tape,
        .domains = {.original = {original.data(), 2, 1.0 / 8}, .target = {target.data(), 4, 1.0 / 12}, .known = true},
        .tokens = {2, 3},
        .progress = progress};
  }
  Var<double, Cpu> frozen_ffn(Pass<double, Cpu>& pass) { return base->ffn(0, {}, pass.tape.input(x.view()), pass); }
  Doubles row(Index n) const { return {x.data() + n * 12, x.data() + (n + 1) * 12}; }

  std::map<std::string, Doubles> weights() {
    std::map<std::string, Doubles> all;
    for (const auto* parameter : instance.parameters()) all[parameter->name] = values_of(parameter->value);
    for (const auto& weight : base->layer(0)) all[std::string(weight.name)] = values_of(weight.value.copy());
    return all;
  }
  Doubles probabilities(Index n) { return softmax_of(times(weights().at("adapter.0.router"), row(n))); }
};

}  // namespace

TEST_CASE("moe_lpr: it starts as the backbone, in every family") {
  const TinyBatch batch;
  std::vector<nn::Config> configs = tiny_configs();
  configs.push_back(
      {.family = "gpt_neox", .vocabulary = 19, .dim = 8, .ffn = 5, .layers = 2, .heads = 2, .context = 8});
  configs.back().complete();
  for (const auto& config : configs)
    for (const auto& adapter : {moe({1}), moe({3}), moe({0, 2}, 3)}) {
      nn::Transformer<MoeLpr, double, Cpu> model(tiny_backbone<double>(config), adapter);
      CHECK(relative_difference(testing::numbers_of(model, batch, 0.0).logits, backbone_logits<double>(batch, config)) <
            1e-12);
      Index there = 0;
      for (const auto* parameter : model.parameters()) there += parameter->value.size();
      CHECK(there == adapter.describe(config.sizes()).weights);
    }
}

TEST_CASE("moe_lpr: the output of a layer is the weighted sum of the two best experts, the frozen FFN among them") {
  OneLayer one;
  auto pass = one.pass();
  const auto x = one.tape.input(one.x.view()), y = one.frozen_ffn(pass);
  const auto out = one.instance.apply(Site::ffn, 0, x, y, pass).value();
  const auto w = one.weights();
  std::vector<std::size_t> runs(4);
  for (Index n = 0; n < 6; ++n) {
    const Doubles weight = largest(one.probabilities(n), 2);
    Doubles expected(12);
    for (std::size_t e = 0; e < 4; ++e) {
      runs[e] += weight[e] > 0;
      const std::string prefix = e == 0 ? "" : concat("adapter.0.expert.", e, ".");
      const auto part = [&](const std::string& name) { return w.at(prefix + "mlp." + name + "_proj.weight"); };
      const Doubles output = ffn_of(part("gate"), part("up"), part("down"), one.row(n));
      for (std::size_t c = 0; c < 12; ++c) expected[c] += weight[e] * output[c];
    }
    CHECK(relative_difference({out.row(n), out.row(n) + 12}, expected) < 1e-13);
  }
  CHECK(std::count(runs.begin(), runs.end(), std::size_t{0}) < 2);  // not all tokens choose the same two
  CHECK(std::accumulate(runs.begin(), runs.end(), std::size_t{0}) == 12);
}

TEST_CASE("moe_lpr: experts that no token chooses are not run") {
  OneLayer one;
  for (Index n = 0; n < 6; ++n) one.x.data()[n * 12] = 1;
  for (auto* parameter : one.instance.parameters()) {
    double* const values = parameter->value.data();
    if (parameter->name.ends_with(".router")) {  // of every token the logits are 0, -1, -2, -3
      std::fill_n(values, parameter->value.size(), 0.0);
      for (Index e = 0; e < 4; ++e) values[e * 12] = -static_cast<double>(e);
    } else if (parameter->name.find(".expert.1.") == std::string::npos) {
      // Times a weight of zero it would be NaN.
      std::fill_n(values, parameter->value.size(), std::numeric_limits<double>::quiet_NaN());
    }
  }
  const auto finite = [](const double* values, Index count) {
    return std::all_of(values, values + count, [](double value) { return std::isfinite(value); });
  };
  for (const bool recording : {false, true}) {
    auto pass = one.pass();
    if (!recording) one.tape.start(false);
    const auto x = one.tape.input(one.x.view()), y = one.frozen_ffn(pass);
    const auto out = one.instance.apply(Site::ffn, 0, x, y, pass);
    CHECK(finite(out.value().data, 6 * 12));
    CHECK(relative_difference({out.value().data, out.value().data + 72}, {y.value().data, y.value().data + 72}) > 0.01);
    if (recording) one.tape.backward(sum(out));
  }
  for (const auto* parameter : one.instance.parameters())
    CHECK(finite(parameter->gradient.data(), parameter->gradient.size()));
}

TEST_CASE("moe_lpr: the local loss balances the load of target tokens, then names the domain of original ones") {
  OneLayer one;
  const auto local = [&](double progress) {
    auto pass = one.pass(progress);
    const auto x = one.tape.input(one.x.view()), y = one.frozen_ffn(pass);
    one.instance.apply(Site::ffn, 0, x, y, pass);
    return pass.local.value().item();
  };
  double balance = 0, prior = 0;
  for (std::size_t e = 0; e < 4; ++e) {
    double choices = 0, mean = 0;
    for (Index n = 2; n < 6; ++n) {
      choices += largest(one.probabilities(n), 2)[e] > 0 ? 0.25 : 0;
      mean += one.probabilities(n)[e] / 4;
    }
    balance += 4 * choices * mean;
  }
  for (Index n = 0; n < 2; ++n) prior -= std::log(one.probabilities(n)[0]);
  CHECK(local(0) == Approx(balance * 4 / 12).epsilon(1e-12));
  CHECK(local(0.89) == local(0));
  CHECK(local(0.9) == Approx(10 * prior / 8).epsilon(1e-12));
}

TEST_CASE("moe_lpr: balance is least where all experts are chosen alike, and then the number of choices") {
  Tape<double, Cpu> tape;
  tape.start(false);
  Tensor<double, Cpu> p({4, 4}), w({4, 4});
  const auto loss = [&](std::initializer_list<std::pair<Index, Index>> chosen, double first) {
    std::fill_n(w.data(), 16, 0.0);
    Index n = 0;
    for (const auto& [a, b] : chosen) {
      w.data()[4 * n + a] = w.data()[4 * n + b] = 0.5;
      for (Index e = 0; e < 4; ++e) p.data()[4 * n + e] = e == 0 ? first : (1 - first) / 3;
      ++n;
    }
    return adapter::balance_loss(tape.input(p.view()), tape.input(w.view()), {nullptr, 4, 0.25}).item();
  };
  CHECK(loss({{0, 1}, {2, 3}, {0, 2}, {1, 3}}, 0.25) == Approx(2));
  CHECK(loss({{0, 1}, {0, 2}, {0, 3}, {0, 1}}, 0.7) == Approx(4 * (1 * 0.7 + (0.5 + 0.25 + 0.25) * 0.1)));
}

TEST_CASE("moe_lpr: the gradients of a whole model in both stages, stored and recomputed") {
  const TinyBatch batch({0, 1}, 3, 3);
  for (const double progress : {0.0, 0.95})
    for (const auto& adapter : {moe({1}), moe({3, 0}), moe({2, 3}, 3)}) {
      auto model = tiny_model<double>(adapter);
      change_experts(model);
      model.progress = progress;
      for (auto* parameter : model.parameters())
        parameter->trained = progress == 0 || parameter->name.ends_with(".router");
      CHECK(model_gradient_error(model, batch, Slopes::smooth) < 1e-7);
      const auto stored = testing::numbers_of(model, batch, 1.0);
      model.recompute_layers = true;
      CHECK(testing::numbers_of(model, batch, 1.0).gradients == stored.gradients);
    }
}

TEST_CASE("moe_lpr: experts are held in the second stage, and the optimizer leaves them as they are") {
  auto model = tiny_model<double>(moe({2}));
  const TinyBatch batch;
  testing::train_on(model, batch, 3, 2e-2, 0.1);
  const auto copies = [&](bool routers) {
    std::vector<Doubles> all;
    for (const auto* parameter : model.parameters())
      if (parameter->name.ends_with(".router") == routers)
        for (const auto* tensor : {&parameter->value, &parameter->mean}) all.push_back(values_of(*tensor));
    return all;
  };
  const auto experts = copies(false), routers = copies(true);
  model.progress = 0.95;
  const auto losses = testing::train_on(model, batch, 3, 2e-2, 0.1);
  CHECK(copies(false) == experts);
  CHECK(copies(true) != routers);
  CHECK(losses.back() < losses.front());
  model.progress = 0;
  testing::train_on(model, batch, 1, 2e-2, 0.1);
  CHECK(copies(false) != experts);
}

TEST_CASE("moe_lpr: chosen at run time it trains, in bf16 too") {
  const TinyBatch batch;
  auto plain = tiny_model<float>(moe({2}));
  auto any = tiny_model<float>(adapter::Any<float, Cpu>(moe({2})));
  const auto losses = testing::train_on(plain, batch, 4);
  CHECK(losses.back() < losses.front());
  CHECK(testing::train_on(any, batch, 4) == losses);
  nn::Transformer<MoeLpr, float, Cpu> narrow(tiny_backbone<float>(testing::tiny_config(), {.precision = DType::bf16}),
                                             moe({2}));
  const auto narrow_losses = testing::train_on(narrow, batch, 4);
  CHECK(narrow_losses.back() < narrow_losses.front());
}

TEST_CASE("moe_lpr: experts are allotted in proportion to inverse similarity") {
  using adapter::allot_experts;
  // claims 4 : 2 : 1; each has one, then 4/1.5, 4/2.5, 2/1.5, 4/3.5 are the largest in turn
  CHECK(allot_experts(std::vector<double>{0.25, 0.5, 1}, 7) == std::vector<Index>{4, 2, 1});
  CHECK(allot_experts(std::vector<double>{0.25, 0.5, 1}, 5) == std::vector<Index>{3, 1, 1});
  CHECK(allot_experts(std::vector<double>{0.25, 0.5, 1}, 3) == std::vector<Index>{1, 1, 1});
  CHECK(allot_experts(std::vector<double>{0.8, 0.8, 0.8, 0.8}, 6) == std::vector<Index>{2, 2, 1, 1});
  CHECK(allot_experts(std::vector<double>{-0.5, 0.01}, 6) == std::vector<Index>{3, 3});  // both at the floor
  CHECK(
      message([&] {
        allot_experts(std::vector<double>{1, 1}, 1);
      }) ==
      "allot_experts: the total must be at least 2, an expert for each layer, and at most 65535 times as many, got 1");
}

TEST_CASE("moe_lpr: what is described, and settings that do not fit") {
  const adapter::Sizes sizes = testing::tiny_config(4).sizes();
  CHECK(sizes.ffn_weights == 3 * 10 * 12);
  CHECK(moe({2}).describe(sizes).settings.at("experts") == Setting(Index{2}));
  const auto allotted = MoeLpr{.total = 6}.describe(sizes);
  CHECK(allotted.settings.at("experts") == Setting(std::string("2|2|1|1")));
  CHECK(allotted.settings.at("total") == Setting(Index{0}));
  CHECK(allotted.weights == 6 * 360 + 10 * 12);
  const auto refused = [&](const MoeLpr& wrong) { return message([&] { wrong.describe(sizes); }); };
  CHECK(refused(moe({1, 2})) == "moe_lpr: experts must be one number, or one for each of the 4 layers, got 2 numbers");
  CHECK(refused(moe({0})) == "moe_lpr: some layer must have an expert, got experts=0");
  CHECK(
      refused(moe({1}, 1)).starts_with("moe_lpr: top must be from 2 to 2, the experts of a layer and its FFN, got 1"));
  CHECK(
      refused(moe({1}, 3)) ==
      "moe_lpr: top must be from 2 to 2, the experts of a layer and its FFN, got 3; of one chosen expert the weight is "
      "1, and the router would get no gradient");
  CHECK(refused(moe({1, 2, -1, 3})) == "moe_lpr: the experts of a layer must be from 0 to 65535, got experts=1|2|-1|3");
  CHECK(refused(moe({70000})) == "moe_lpr: the experts of a layer must be from 0 to 65535, got experts=70000");
  for (const Index total : {Index{-1}, Index{3}, Index{262144}, Index{1} << 60})
    CHECK(refused({.total = total}) ==
          concat("moe_lpr: the total must be 0, or from 4, an expert for each layer, to 262140, got ", total));
  CHECK(refused({.experts = {{2}}, .total = 8}) ==
        "moe_lpr: give the number of experts of each layer or a total, got experts=2 and total=8");
  CHECK(refused({.review = 1}) ==
        "moe_lpr: review, the share of steps that train the router alone, must be in [0, 1), got 1");
  CHECK(refused({.review = -0.1}).ends_with("must be in [0, 1), got -0.1"));
  CHECK(refused({.review = std::nan("")}).ends_with("must be in [0, 1), got nan"));
  for (const double prior : {-1.0, double(INFINITY)})
    CHECK(refused({.prior = prior}) ==
          concat("moe_lpr: prior, the weight of the language prior, must be a finite number and not negative, got ",
                 prior));
  auto model = tiny_model<float>(moe({1}));
  TinyBatch unlabelled;
  unlabelled.domains.clear();
  Tape<float, Cpu> tape;
  tape.start();
  CHECK(message([&] {
          model.loss(tape, {4, 5, unlabelled.inputs, unlabelled.targets}, {20, 0});
        }) == "moe_lpr: its local loss needs the domain of every sequence in training; give Tokens::domains");
}

TEST_CASE("moe_lpr: numbers of experts as a setting") {
  ExpertCounts counts;
  const auto read = [&](const Setting& setting) {
    adapter::read_setting("experts", setting, counts);
    return counts.by_layer;
  };
  CHECK(read(Index{2}) == std::vector<Index>{2});
  CHECK(read(std::string("3|1|0")) == std::vector<Index>{3, 1, 0});
  CHECK(adapter::setting_of(counts) == Setting(std::string("3|1|0")));
  for (const char* wrong : {"", "3|", "|3", "3,1", "-1", "three", "70000"})
    CHECK(message([&] { read(std::string(wrong)); }) ==
          concat("experts must be a number of experts, or one for each layer such as 3|1|0|2, got '", wrong, "'"));
}
