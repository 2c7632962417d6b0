// What training an adapter omits: gradients of frozen weights, and the backward pass below the lowest adapter.
#include "neutra/adapter/lora.hpp"

#include "tests/adapter/model.hpp"

namespace {

/// Records the shapes of products, attention passes and the sizes of memory blocks.
struct Watching : Cpu {
  inline static std::vector<Shape> products;
  inline static std::vector<std::size_t> blocks;
  inline static int attention_passes = 0, attention_walks = 0;
  static void forget() {
    products.clear();
    blocks.clear();
    attention_passes = attention_walks = 0;
  }
  static void* allocate(std::size_t bytes) {
    blocks.push_back(bytes);
    return Cpu::allocate(bytes);
  }
  using Cpu::product;
  template <Scalar S> static void product(Operand<S> a, Operand<S> b, Result<S> into, View<const S> addend = {}) {
    products.push_back(into.view.shape);
    Cpu::product(a, b, into, addend);
  }
  template <Scalar S> static void product(Operand<S> a, const Packed<S>& b, Result<S> into, View<const S> addend = {}) {
    products.push_back(into.view.shape);
    Cpu::product(a, b, into, addend);
  }
  template <Scalar S> static void product_transposed(Operand<S> a, const Packed<S>& b, Result<S> into) {
    products.push_back(into.view.shape);
    Cpu::product_transposed(a, b, into);
  }
  template <Scalar S>
  static void attention_forward(const AttentionSizes& z, Operand<S> q, Operand<S> k, Operand<S> v, Result<S> out,
                                S* lse) {
    ++attention_passes;
    Cpu::attention_forward<S>(z, q, k, v, out, lse);
  }
  template <Scalar S>
  static void attention_backward(const AttentionSizes& z, Operand<S> q, Operand<S> k, Operand<S> v, Operand<S> dout,
                                 const S* lse, Result<S> dq, Result<S> dk, Result<S> dv) {
    ++attention_walks;
    Cpu::attention_backward<S>(z, q, k, v, dout, lse, dq, dk, dv);
  }
};

/// An adapter in the last layer only.
template <class A> struct LastLayer {
  A adapter;
  adapter::Description describe(const adapter::Sizes& sizes) const { return adapter.describe(sizes); }

  template <Scalar S, Backend D> class Instance {
   public:
    Instance(const LastLayer& last, const adapter::Sizes& sizes, std::uint64_t seed)
        : layers_(sizes.layers), held_(last.adapter, sizes, seed) {}
    std::vector<Parameter<S, D>*> parameters() {
      auto all = held_.parameters();
      std::erase_if(all, [&](const auto* p) { return !p->name.starts_with(concat("adapter.", layers_ - 1, ".")); });
      return all;
    }
    Var<S, D> apply(adapter::Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
      return layer + 1 == layers_ ? held_.apply(site, layer, x, y, pass) : y;
    }

   private:
    Index layers_;
    typename A::template Instance<S, D> held_;
  };
};

adapter::Lora lora_at(adapter::Site site) {
  adapter::Lora lora;
  lora.sites = {site};
  lora.rank = 2;
  return lora;
}

/// Attention passes in a training step of a model of four layers.
struct Passes {
  int forward, walked;
  bool operator==(const Passes&) const = default;
};

template <class A> Passes passes(const A& adapter, bool thaw = false, bool recompute = false) {
  nn::Transformer<A, float, Watching> model(tiny_backbone<float, Watching>(testing::tiny_config(4)), adapter, 1);
  if (thaw) model.thaw();
  model.recompute_layers = recompute;
  testing::fill_zero_parameters(model.parameters());
  const TinyBatch batch;
  Tape<float, Watching> tape;
  tape.start();
  Watching::forget();
  tape.backward(model.loss(tape, batch.tokens(), batch.counts()).total(0.1f));
  return {Watching::attention_passes, Watching::attention_walks};
}
/// Attention passes walked back, and matmuls that end in the shape of a projection (gradients of those), in a step that
/// trains the weights which `chosen` accepts.
std::pair<int, Index> walked_with(const std::function<bool(const nn::Weight&)>& chosen) {
  nn::Config config = testing::tiny_config(4);
  config.ffn = 22;  // 15 tokens: no activation has the shape of a weight
  nn::Transformer<adapter::None, float, Watching> model(tiny_backbone<float, Watching>(config));
  model.thaw(chosen);
  const TinyBatch batch({0, 1, 0});
  Tape<float, Watching> tape;
  tape.start();
  Watching::forget();
  tape.backward(model.loss(tape, batch.tokens(), batch.counts()).lm);
  Index gradients = 0;
  for (const Shape& shape : {Shape{12, 12}, {6, 12}, {22, 12}, {12, 22}, {19, 12}})
    gradients += std::count(Watching::products.begin(), Watching::products.end(), shape);
  return {Watching::attention_walks, gradients};
}
template <class A> int walks(const A& adapter, bool thaw = false) { return passes(adapter, thaw).walked; }

}  // namespace

TEST_CASE("frozen: there is no backward pass below the lowest adapter") {
  using adapter::Residue;
  using adapter::Site;
  const Residue<> beside_ffn{.width = 3}, beside_attention{.placement = Placement::attention, .width = 3};
  CHECK(walks(LastLayer<Residue<>>{beside_ffn}) == 0);
  CHECK(walks(LastLayer<Residue<>>{beside_attention}) == 0);
  CHECK(walks(LastLayer<adapter::Lora>{lora_at(Site::down)}) == 0);
  CHECK(walks(LastLayer<adapter::Lora>{lora_at(Site::o)}) == 0);
  CHECK(walks(LastLayer<adapter::Lora>{lora_at(Site::v)}) == 1);
  CHECK(walks(beside_ffn) == 3);
  CHECK(walks(beside_attention) == 3);
  CHECK(walks(lora_at(Site::q)) == 4);
  CHECK(walks(adapter::None{}, true) == 4);
}

TEST_CASE("frozen: weights that are not thawed get no gradient, and nothing is walked back below the lowest that is") {
  using nn::Weight;
  const auto named = [](const char* end) { return [end](const Weight& weight) { return weight.name.ends_with(end); }; };
  const auto layer = [](Index index) { return [index](const Weight& weight) { return weight.layer == index; }; };
  CHECK(walked_with(named("lm_head.weight")) == std::pair(0, Index{1}));
  CHECK(walked_with(named("model.norm.weight")) == std::pair(0, Index{0}));
  CHECK(walked_with(named("3.mlp.down_proj.weight")) == std::pair(0, Index{1}));
  CHECK(walked_with(named("3.self_attn.o_proj.weight")) == std::pair(0, Index{1}));
  CHECK(walked_with(named("3.self_attn.q_proj.weight")) == std::pair(1, Index{1}));
  CHECK(walked_with(layer(3)) == std::pair(1, Index{7}));
  CHECK(walked_with(layer(1)) == std::pair(3, Index{7}));
  CHECK(walked_with(named("embed_tokens.weight")) == std::pair(4, Index{0}));
  CHECK(walked_with([](const Weight&) { return true; }) == std::pair(4, Index{4 * 7 + 1}));
}

TEST_CASE("frozen: only layers with a backward pass are recomputed") {
  const adapter::Residue<> beside_ffn{.width = 3};
  CHECK(passes(beside_ffn) == Passes{4, 3});
  CHECK(passes(beside_ffn, false, true) == Passes{8, 3});
  CHECK(passes(LastLayer<adapter::Residue<>>{beside_ffn}, false, true) == Passes{5, 0});
  CHECK(passes(LastLayer<adapter::Lora>{lora_at(adapter::Site::v)}, false, true) == Passes{5, 1});
  CHECK(passes(adapter::None{}, true, true) == Passes{8, 4});
}

TEST_CASE("frozen: no product has the shape of a frozen weight, and no memory block the size of its gradient") {
  // Sizes chosen so that no activation has the shape of a weight: 15 tokens, widths 12, 6, 22, vocabulary 1019.
  nn::Config config = testing::tiny_config();
  config.vocabulary = 1019;
  config.ffn = 22;
  const std::vector<Shape> weights{{12, 12}, {6, 12}, {22, 12}, {12, 22}, {1019, 12}};
  const auto seen = [&](const auto& adapter, bool thaw) {
    using A = std::remove_cvref_t<decltype(adapter)>;
    nn::Transformer<A, float, Watching> model(tiny_backbone<float, Watching>(config), adapter, 1);
    if (thaw) model.thaw();
    testing::fill_zero_parameters(model.parameters());
    const TinyBatch batch({0, 1, 0});
    Tape<float, Watching> tape;
    tape.start();
    Watching::forget();
    tape.backward(model.loss(tape, batch.tokens(), batch.counts()).total(0.1f));
    Index products = 0;
    for (const Shape& shape : weights)
      products += std::count(Watching::products.begin(), Watching::products.end(), shape);
    const std::size_t gradient = Pool<Watching>::size_class(1019 * 12 * sizeof(float));  // of the embedding or the head
    const Index blocks = std::count(Watching::blocks.begin(), Watching::blocks.end(), gradient);
    return std::pair(products, blocks);
  };
  CHECK(seen(adapter::Residue<>{.width = 3}, false) == std::pair(Index{0}, Index{0}));
  CHECK(seen(adapter::Residue<gate::Open, body::Bottleneck, penalty::None>{.width = 3}, false) ==
        std::pair(Index{0}, Index{0}));
  adapter::Lora lora;
  lora.rank = 2;
  CHECK(seen(lora, false) == std::pair(Index{0}, Index{0}));
  const auto [products, blocks] = seen(adapter::None{}, true);
  CHECK(products == 2 * 7 + 1);
  CHECK(blocks > 0);
}

TEST_CASE(
    "finetuning: every weight gets a finite gradient, not zero, the backbone stays as it was, and the start is its "
    "copy") {
  const auto backbone = tiny_backbone<float>();
  nn::Transformer<adapter::None, float, Cpu> model(backbone), bare(backbone);
  model.thaw();
  const TinyBatch batch;
  Tape<float, Cpu> tape;
  const auto logits = [&](auto& of) {
    tape.start(false);
    const auto value = of.logits(tape, batch.tokens()).value();
    return std::vector<float>(value.data, value.data + value.size());
  };
  const auto before = logits(bare);
  CHECK(logits(model) == before);
  testing::numbers_of(model, batch, 0.0f);
  REQUIRE(model.parameters().size() == 2 * 9 + 3);
  for (const auto* parameter : model.parameters()) {
    CAPTURE(parameter->name);
    const auto *gradient = parameter->gradient.data(), *end = gradient + parameter->gradient.size();
    CHECK(std::all_of(gradient, end, [](float x) { return std::isfinite(x); }));
    CHECK(std::any_of(gradient, end, [](float x) { return x != 0; }));
  }
  const auto losses = testing::train_on(model, batch, 10);
  CHECK(losses.back() < losses.front());
  CHECK(logits(bare) == before);
  CHECK(logits(model) != before);
}
