// LoRA on any subset of the projections: gradients, equality with merged weights, capacity, Errors.
#include "neutra/adapter/lora.hpp"

#include "tests/adapter/model.hpp"
#include "tests/cases/message.hpp"

namespace {

using adapter::Lora;
using adapter::Site;

const std::vector<Site> all_sites{Site::q, Site::k, Site::v, Site::o, Site::gate, Site::up, Site::down};

Lora lora(std::vector<Site> sites, double scale, Index rank = 2) {
  Lora made;
  made.sites = std::move(sites);
  made.scale = scale;
  made.rank = rank;
  return made;
}

/// Each projection alone, two that share an input, two that do not, and all.
std::vector<std::vector<Site>> subsets() {
  std::vector<std::vector<Site>> sets{{Site::q, Site::v}, {Site::down, Site::k}, all_sites};
  for (const Site site : all_sites) sets.push_back({site});
  return sets;
}

std::string names(const std::vector<Site>& sites) {
  std::string text;
  for (const Site site : sites) text += concat(adapter::to_string(site), " ");
  return text;
}

/// The tiny backbone with scale B A added to the projections that `model` adapts.
template <class Model> std::shared_ptr<const nn::Backbone<double, Cpu>> merged(Model& model, const Lora& options) {
  const auto bare = tiny_backbone<double>();
  return std::make_shared<const nn::Backbone<double, Cpu>>(bare->config(), [&](const nn::Weight& made) {
    const Shape& shape = made.kind.shape;
    const Index layer = made.layer;
    auto weight = bare->weight(made.name).copy();
    for (const Site site : options.sites) {
      if (made.kind.site != site) continue;
      const auto find = [&](std::string_view part) -> const Tensor<double, Cpu>& {
        for (auto* p : model.parameters())
          if (p->name == concat("adapter.", layer, ".", adapter::to_string(site), ".lora_", part)) return p->value;
        throw Error("no such parameter");
      };
      const auto &a = find("a"), &b = find("b");
      for (Index o = 0; o < shape.rows(); ++o)
        for (Index i = 0; i < shape.cols(); ++i)
          for (Index r = 0; r < options.rank; ++r)
            weight.data()[o * shape.cols() + i] +=
                options.scale * b.data()[o * options.rank + r] * a.data()[r * shape.cols() + i];
    }
    return weight;
  });
}

}  // namespace

TEST_CASE("lora: the gradient of a whole model, on any projections, with scale 1 and another") {
  const TinyBatch batch({0, 1, 0}, 3, 4);
  for (const auto& sites : subsets())
    for (const double scale : {1.0, 0.35, -2.0}) {
      CAPTURE(names(sites), scale);
      auto model = tiny_model<double>(lora(sites, scale));
      testing::fill_zero_parameters(model.parameters());
      CHECK(model_gradient_error(model, batch, Slopes::smooth) < 1e-7);
    }
}

TEST_CASE("lora: the logits are those of a backbone with scale B A added to its weights") {
  const TinyBatch batch;
  for (const auto& sites : subsets())
    for (const double scale : {1.0, 0.35}) {
      CAPTURE(names(sites), scale);
      const auto options = lora(sites, scale);
      auto model = tiny_model<double>(options);
      testing::fill_zero_parameters(model.parameters());
      nn::Transformer<adapter::None, double, Cpu> plain(merged(model, options));
      Tape<double, Cpu> tape;
      tape.start(false);
      const auto logits = plain.logits(tape, batch.tokens()).value();
      const auto got = testing::numbers_of(model, batch, 0.0).logits;
      CHECK(relative_difference(got, {logits.data, logits.data + logits.size()}) < 1e-12);
    }
}

TEST_CASE("lora: at the start the logits are the backbone's to the bit, and every parameter soon gets a gradient") {
  const TinyBatch batch;
  auto backbone = tiny_model<float>(adapter::None{});
  Tape<float, Cpu> tape;
  tape.start(false);
  const auto logits = backbone.logits(tape, batch.tokens()).value();
  const std::vector<double> expected(logits.data, logits.data + logits.size());
  for (const auto& sites : subsets())
    for (const double scale : {1.0, 0.35}) {
      CAPTURE(names(sites), scale);
      auto model = tiny_model<float>(lora(sites, scale));
      CHECK(testing::numbers_of(model, batch, 0.0f).logits == expected);
      const auto losses = testing::train_on(model, batch, 3);
      CHECK(losses.back() < losses.front());
      testing::numbers_of(model, batch, 0.0f);
      for (const auto* parameter : model.parameters()) {
        CAPTURE(parameter->name);
        const auto *gradient = parameter->gradient.data(), *end = gradient + parameter->gradient.size();
        CHECK(std::all_of(gradient, end, [](float x) { return std::isfinite(x); }));
        CHECK(std::any_of(gradient, end, [](float x) { return x != 0; }));
      }
    }
}

TEST_CASE("lora: A is uniform with variance 1/(3 in), B is zero, and draws differ by name and seed") {
  const nn::Config config{
      .vocabulary = 5, .dim = 64, .ffn = 90, .layers = 2, .heads = 2, .head_width = 32, .context = 4};
  Lora::Instance<float, Cpu> one(lora({Site::down}, 1, 16), config.sizes(), 1),
      two(lora({Site::down}, 1, 16), config.sizes(), 2);
  REQUIRE(one.parameters().size() == 4);
  const auto* a = one.parameters()[0];
  CHECK(a->name == "adapter.0.down.lora_a");
  CHECK(a->value.shape() == Shape({16, 90}));
  CHECK(one.parameters()[1]->value.shape() == Shape({64, 16}));
  double square = 0, most = 0;
  for (Index i = 0; i < a->value.size(); ++i) {
    square += static_cast<double>(a->value.data()[i]) * a->value.data()[i];
    most = std::max(most, static_cast<double>(std::abs(a->value.data()[i])));
    CHECK(one.parameters()[1]->value.data()[i % 1024] == 0);
  }
  CHECK(square / 1440 == Approx(1.0 / (3 * 90)).epsilon(0.1));
  CHECK(most <= 1 / std::sqrt(90.0) * (1 + 1e-6));
  CHECK(most > 0.98 / std::sqrt(90.0));
  CHECK(a->value.data()[0] != one.parameters()[2]->value.data()[0]);
  CHECK(a->value.data()[0] != two.parameters()[0]->value.data()[0]);
}

TEST_CASE("lora: the capacity is met within 2 % or half a rank, and the description is true") {
  const nn::Config config{
      .vocabulary = 9, .dim = 48, .ffn = 100, .layers = 3, .heads = 4, .kv_heads = 2, .head_width = 12, .context = 4};
  const adapter::Sizes sizes = config.sizes();
  const double block = static_cast<double>(sizes.block_weights());
  CHECK(block == 3 * (2 * 48 + 2 * 48 * 48 + 2 * 24 * 48 + 3 * 100 * 48));
  for (const auto& sites : subsets())
    for (const double capacity : {0.05, 0.2, 0.9}) {
      CAPTURE(names(sites), capacity);
      Lora options = lora(sites, 1, 0);
      options.capacity = capacity;
      const auto described = options.describe(sizes);
      double unit = 0;
      for (const Site site : sites)
        unit += static_cast<double>(sizes.layers * (sizes.inputs(site) + sizes.outputs(site)));
      const double off = std::abs(static_cast<double>(described.weights) - capacity * block);
      CHECK((off <= 0.02 * capacity * block || off <= unit / 2));
      Lora::Instance<float, Cpu> instance(options, sizes, 1);
      Index there = 0;
      for (const auto* parameter : instance.parameters()) there += parameter->value.size();
      CHECK(there == described.weights);
    }
}

TEST_CASE("lora: invalid options are an Error that says what to do") {
  const adapter::Sizes sizes = tiny_backbone<float>()->config().sizes();
  const auto said = [&](const Lora& options) { return message([&] { options.describe(sizes); }); };
  CHECK(said(lora({}, 1)) == "lora: no projection was chosen; name at least one of q k v o gate up down");
  CHECK(said(lora({Site::q, Site::ffn}, 1)) == "lora: 'ffn' is no projection; choose among q k v o gate up down");
  CHECK(said(lora({Site::attention}, 1)) == "lora: 'attention' is no projection; choose among q k v o gate up down");
  CHECK(said(lora({Site::layer}, 1)) == "lora: 'layer' is no projection; choose among q k v o gate up down");
  CHECK(said(lora({Site::q, Site::up, Site::q}, 1)) == "lora: the projection 'q' was named twice");
  CHECK(said(lora({Site::q}, 1, -2)) == "lora: the rank must be positive (or 0, to follow from the capacity), got -2");
  Lora none = lora({Site::q}, 1, 0);
  none.capacity = 0;
  CHECK(said(none) == "lora: capacity must be positive, got 0");
}

TEST_CASE("lora: a scale that is not finite is refused") {
  const adapter::Sizes sizes = tiny_backbone<float>()->config().sizes();
  CHECK_THROWS_AS((Lora::Instance<float, Cpu>(lora({Site::q}, std::nan("")), sizes, 1)), Error);
}
