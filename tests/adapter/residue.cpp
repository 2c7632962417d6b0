// Residues of every composition of policies: gradients of a whole model, initial logits, capacity, trainable
// parameters.
#include "neutra/init/all.hpp"

#include "tests/adapter/model.hpp"
#include "tests/cases/message.hpp"

namespace {

constexpr Placement placements[] = {Placement::parallel, Placement::after, Placement::attention};

template <class F> void for_each_composition(const F& f) {
  for_each_type(gate::All{}, [&]<class G>() {
    for (const Placement placement : placements)
      for_each_type(
          Types<penalty::None, penalty::L1, penalty::Relative, penalty::GateL1, penalty::DomainCrossEntropy>{},
          [&]<class P>() {
            if constexpr (GateFunction<P> && std::same_as<G, gate::Open>)
              return;
            else
              f(G{}, P{}, placement);
          });
  });
}

/// A model whose residues are not zero and whose gates are open for some tokens. Relative treats the output that the
/// residue joins as constant, which differences do not: it gets one layer, where that output depends on nothing
/// trainable.
nn::Transformer<AnyResidue<double>, double, Cpu> checked_model(const AnyResidue<double>& residue) {
  const Index layers = residue.penalty_traits().name == penalty::Relative::name ? 1 : 2;
  nn::Transformer<AnyResidue<double>, double, Cpu> model(tiny_backbone<double>(testing::tiny_config(layers)), residue,
                                                         1);
  testing::fill_zero_parameters(model.parameters());
  balance_gates(model, TinyBatch({0, 1}, 3, 3));
  return model;
}

/// A body of many matrices: sixteen projections down, added up, and one up.
struct Seventeen {
  static constexpr std::string_view name = "seventeen";
  std::vector<body::Weight> weights(Index d, Index r) const {
    static constexpr std::array<std::string_view, 16> names{"a", "b", "c", "d", "e", "f", "g", "h",
                                                            "i", "j", "k", "l", "m", "n", "o", "p"};
    std::vector<body::Weight> all;
    for (const auto down : names) all.push_back({std::string(down), {r, d}});
    all.push_back({"up", {d, r}, 0.0});
    return all;
  }
  template <Scalar S, Backend D> Var<S, D> forward(Var<S, D> x, std::span<const Var<S, D>> w) const {
    auto sum = linear(x, w[0]);
    for (std::size_t i = 1; i < 16; ++i) sum = linear(x, w[i], sum);
    return linear(sum, w[16]);
  }
};

}  // namespace

TEST_CASE("residue: the gradient of a whole model, for every gate, placement and kind of penalty") {
  const TinyBatch batch({0, 1}, 3, 3);
  for_each_composition([&](const auto& gate, const auto& penalty, Placement placement) {
    CAPTURE(gate.name, penalty.name, adapter::placement_names[static_cast<std::size_t>(placement)]);
    auto model = checked_model(residue_of<double>(gate, penalty, placement));
    CHECK(model_gradient_error(model, batch) < 1e-7);
  });
}

TEST_CASE("residue: the gradient of a whole model, for every body and penalty") {
  const TinyBatch batch({0, 1}, 4, 3);
  for_each_type(body::All{}, [&]<class B>() {
    for_each_type(penalty::All{}, [&]<class P>() {
      CAPTURE(B::name, P::name);
      auto model = checked_model(residue_of<double>(gate::Relu{}, P{}, Placement::parallel, B{}));
      CHECK(model_gradient_error(model, batch) < 1e-7);
    });
  });
}

TEST_CASE("residue: at the start the logits are the backbone's to the bit") {
  const TinyBatch batch;
  auto backbone = tiny_model<float>(adapter::None{});
  Tape<float, Cpu> tape;
  tape.start(false);
  const auto bare = backbone.logits(tape, batch.tokens()).value();
  const std::vector<double> expected(bare.data, bare.data + bare.size());
  const auto check = [&](const auto& residue) {
    auto model = tiny_model<float>(residue);
    CHECK(testing::numbers_of(model, batch, 1.0f).logits == expected);
  };
  for_each_composition([&](const auto& gate, const auto& penalty, Placement placement) {
    CAPTURE(gate.name, penalty.name, adapter::placement_names[static_cast<std::size_t>(placement)]);
    check(residue_of<float>(gate, penalty, placement));
    check(residue_of<float>(gate, penalty, placement, body::Bottleneck{}));
  });
}

TEST_CASE("residue: every trainable parameter gets a finite, non-zero gradient within a few steps") {
  const TinyBatch batch;
  int dead = 0;
  for_each_composition([&](const auto& gate, const auto& penalty, Placement placement) {
    CAPTURE(gate.name, penalty.name, adapter::placement_names[static_cast<std::size_t>(placement)]);
    auto model = tiny_model<float>(residue_of<float>(gate, penalty, placement));
    balance_gates(model, batch);
    testing::train_on(model, batch, 3, 1e-3);
    testing::numbers_of(model, batch, 0.1f);
    const auto shares = open_shares(model, batch);
    for (const auto* parameter : model.parameters()) {
      CAPTURE(parameter->name);
      const auto* gradient = parameter->gradient.data();
      const Index size = parameter->gradient.size();
      CHECK(std::all_of(gradient, gradient + size, [](float x) { return std::isfinite(x); }));
      const bool learns = std::any_of(gradient, gradient + size, [](float x) { return x != 0; });
      const std::size_t layer = parameter->name.starts_with("adapter.0.") ? 0 : 1;
      if (!learns && !shares.empty() && shares[layer] == 0)
        dead += parameter->name.ends_with(".gate");  // closed for every token: no gradient
      else
        CHECK(learns);
    }
  });
  CHECK(dead <= 1);  // of 300 gates: a ReLU after the FFN that no weight could balance
}

TEST_CASE("residue: the capacity is met within 2 % or half a width, and the description is true") {
  for (const nn::Config& config :
       {testing::tiny_config(),
        nn::Config{.vocabulary = 9, .dim = 48, .ffn = 100, .layers = 3, .heads = 4, .kv_heads = 2, .context = 4},
        nn::Config{.vocabulary = 9, .dim = 192, .ffn = 512, .layers = 2, .heads = 6, .context = 4}}) {
    nn::Config complete = config;
    complete.complete();
    const adapter::Sizes sizes = complete.sizes();
    CAPTURE(sizes.dim);
    const auto check = [&](const auto& gate, const auto& body) {
      for (const double capacity : {0.05, 0.2, 0.5, 1.3}) {
        AnyResidue<float> residue{
            .gate = gate, .body = body, .penalty = penalty::None{}, .init = init::He{}, .capacity = capacity};
        const double block = static_cast<double>(sizes.block_weights()),
                     fixed = static_cast<double>(residue.fixed_weights(sizes) * sizes.layers);
        const double unit = static_cast<double>(residue.unit_weights(sizes) * sizes.layers);
        CAPTURE(gate.name, body.name, capacity);
        if (fixed + unit / 2 > capacity * block) {
          CHECK(message([&] {
                  residue.describe(sizes);
                }).starts_with(concat("residue: a capacity of ", capacity, " leaves no room beside ")));
          continue;
        }
        const auto description = residue.describe(sizes);
        const double off = std::abs(static_cast<double>(description.weights) - capacity * block);
        CHECK((off <= 0.02 * capacity * block || off <= unit / 2));
        AnyResidue<float>::Instance<float, Cpu> instance(residue, sizes, 1);
        Index there = 0;
        for (const auto* parameter : instance.parameters()) there += parameter->value.size();
        CHECK(there == description.weights);
        CHECK(text_of(description.settings.at("gate")) == gate.name);
        CHECK(text_of(description.settings.at("body")) == body.name);
      }
    };
    for_each_type(gate::All{}, [&]<class G>() { for_each_type(body::All{}, [&]<class B>() { check(G{}, B{}); }); });
    check(gate::TwoLayer<gate::Relu>{.hidden = 3}, body::GatedUnit{});
  }
}

TEST_CASE("residue: invalid options are an Error that says what to do") {
  const adapter::Sizes sizes = tiny_backbone<float>()->config().sizes();
  using Paper = adapter::Residue<>;
  CHECK(message([&] { Paper{.capacity = 0}.describe(sizes); }) == "residue: capacity must be positive, got 0");
  CHECK(message([&] { Paper{.capacity = -0.5}.describe(sizes); }) == "residue: capacity must be positive, got -0.5");
  CHECK(message([&] { Paper{.capacity = std::nan("")}.describe(sizes); }) ==
        "residue: capacity must be positive, got nan");
  CHECK(message([&] { Paper{.capacity = 1e300}.describe(sizes); }) ==
        "residue: a capacity of 1e+300 is too large for any machine");
  CHECK(message([&] { Paper{.width = -1}.describe(sizes); }) ==
        "residue: the width must be positive (or 0, to follow from the capacity), got -1");
  const std::string tight = message([&] { Paper{.capacity = 0.001}.describe(sizes); });
  CHECK(
      tight.starts_with("residue: a capacity of 0.001 leaves no room beside 12 fixed weights in a layer; raise the "
                        "capacity to at least "));
  const double least = std::stod(tight.substr(tight.rfind(' ')));
  CHECK(text_of(Paper{.capacity = least}.describe(sizes).settings.at("width")) == "1");
  CHECK_THROWS(Paper{.capacity = 0.98 * least}.describe(sizes));
}

TEST_CASE("residue: layers are read as numbers and ranges, and told in the shortest form") {
  const auto layers = [](const Setting& text) {
    adapter::Layers read;
    adapter::read_setting("layers", text, read);
    return read;
  };
  const adapter::Sizes five{.dim = 4, .layers = 5, .layer_weights = 10};
  using Numbers = std::vector<Index>;
  CHECK(layers("all").in(five, "") == Numbers{0, 1, 2, 3, 4});
  CHECK(layers("lower").in(five, "") == Numbers{0, 1, 2});
  CHECK(layers("upper").in(five, "") == Numbers{3, 4});
  CHECK(layers(Index{3}).in(five, "") == Numbers{3});
  CHECK(layers("0|2-4").in(five, "") == Numbers{0, 2, 3, 4});
  CHECK(text_of(setting_of(layers("0|1|3"))) == "0-1|3");
  for (const char* same : {"all", "lower", "upper", "0|3-5", "7"}) CHECK(text_of(setting_of(layers(same))) == same);
  CHECK(message([&] { layers("3-5").in(five, "residue"); }) ==
        "residue: layers must be from 0 to 4, those of the model, got 5");
  CHECK(message([&] { layers("upper").in({.dim = 4, .layers = 1, .layer_weights = 10}, "residue"); }) ==
        "residue: layers=upper needs a model of at least two layers, got one; choose layers=all, or another method");
}

TEST_CASE("residue: chosen layers share the weights of all, have their gradient, and the others have none") {
  auto residue = residue_of<double>(gate::Sigmoid{}, penalty::L1{});
  residue.width = 0;
  residue.capacity = 0.5;
  const auto all = residue;
  residue.layers.part = adapter::Layers::Part::upper;
  nn::Transformer<AnyResidue<double>, double, Cpu> model(tiny_backbone<double>(testing::tiny_config(3)), residue, 1);
  testing::fill_zero_parameters(model.parameters());
  for (const auto* parameter : model.parameters()) CHECK(parameter->name.starts_with("adapter.2."));
  CHECK(model_gradient_error(model, TinyBatch({0, 1}, 3, 3)) < 1e-6);

  const adapter::Sizes sizes = testing::tiny_config(3).sizes();
  const adapter::Description one = residue.describe(sizes);
  CHECK(text_of(one.settings.at("layers")) == "2");
  CHECK(std::abs(all.describe(sizes).weights - one.weights) <= 2 * residue.unit_weights(sizes));
  Index there = 0;
  for (const auto* parameter : model.parameters()) there += parameter->value.size();
  CHECK(there == one.weights);
}

TEST_CASE("residue: a body may have any number of matrices, and each is trained") {
  auto model = checked_model(residue_of<double>(gate::Sigmoid{}, penalty::L1{}, Placement::parallel, Seventeen{}));
  CHECK(model.parameters().size() == 2 * 18);
  CHECK(model_gradient_error(model, TinyBatch({0, 1}, 3, 3)) < 1e-6);
}

TEST_CASE("residue: a wrapped gate that would lose what it wraps is refused") {
  CHECK_THROWS_AS(tiny_model<float>(residue_of<float>(gate::TwoLayer<gate::Relu>{.hidden = 0}, penalty::L1{})), Error);
  CHECK_THROWS_AS(tiny_model<float>(residue_of<float>(gate::TwoLayer<gate::Relu>{.hidden = -3}, penalty::L1{})), Error);
}

TEST_CASE("residue: one class serves every composition, and policies chosen at run time give the same bits") {
  using Composed = adapter::Residue<gate::TwoLayer<gate::Relu>, body::Bottleneck, penalty::Hoyer, init::He>;
  static_assert(std::same_as<Composed::Instance<float, Cpu>, adapter::Residue<>::Instance<float, Cpu>>);
  const auto numbers = [](auto model) {
    testing::fill_zero_parameters(model->parameters());
    return testing::numbers_of(*model, TinyBatch(), 0.1f);
  };
  const auto composed =
      numbers(std::make_unique<nn::Transformer<Composed, float, Cpu>>(tiny_backbone<float>(), Composed{.width = 3}, 1));
  const auto chosen = numbers(std::make_unique<nn::Transformer<AnyResidue<float>, float, Cpu>>(
      tiny_backbone<float>(),
      residue_of<float>(gate::TwoLayer<gate::Relu>{}, penalty::Hoyer{}, Placement::parallel, body::Bottleneck{}), 1));
  CHECK(composed.logits == chosen.logits);
  CHECK(composed.losses == chosen.losses);
  CHECK(composed.gradients == chosen.gradients);
}
