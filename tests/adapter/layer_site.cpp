// An adapter at the whole layer reads its input and changes its output, the residual stream.
#include "neutra/adapter/any.hpp"
#include "neutra/adapter/list.hpp"
#include "neutra/adapter/residue.hpp"

#include "tests/adapter/model.hpp"

#include <deque>

namespace {

using adapter::Site;

/// y' = v y, a trainable factor for each channel of the stream behind each layer.      v: (1,C), starts at 1
struct LayerScale {
  static constexpr std::string_view name = "layer_scale";
  adapter::Description describe(const adapter::Sizes& sizes) const {
    return {.kind = std::string(name), .weights = sizes.layers * sizes.dim};
  }

  template <Scalar S, Backend D> class Instance {
   public:
    Instance(const LayerScale&, const adapter::Sizes& sizes, std::uint64_t) {
      for (Index layer = 0; layer < sizes.layers; ++layer) {
        Tensor<S, D> ones({1, sizes.dim});
        std::fill_n(ones.data(), ones.size(), S(1));
        factors_.emplace_back(concat("adapter.", layer, ".scale"), std::move(ones));
      }
    }
    std::vector<Parameter<S, D>*> parameters() {
      std::vector<Parameter<S, D>*> all;
      for (auto& factor : factors_) all.push_back(&factor);
      return all;
    }
    bool acts_at(Site site) const { return site == Site::layer; }
    Var<S, D> apply(Site, Index layer, Var<S, D>, Var<S, D> y, Pass<S, D>& pass) {
      const std::vector<std::int32_t> first(static_cast<std::size_t>(y.shape().rows()), 0);
      return scale_rows(y, embedding(pass.tape.leaf(factors_[static_cast<std::size_t>(layer)]), first));
    }

   private:
    std::deque<Parameter<S, D>> factors_;
  };
};

/// Replaces the output of one layer by its input.
struct Without {
  static constexpr std::string_view name = "without";
  Index layer;
  adapter::Description describe(const adapter::Sizes&) const { return {.kind = std::string(name)}; }

  template <Scalar S, Backend D> class Instance {
   public:
    Instance(const Without& without, const adapter::Sizes&, std::uint64_t) : layer_(without.layer) {}
    std::vector<Parameter<S, D>*> parameters() { return {}; }
    bool acts_at(Site site) const { return site == Site::layer; }
    Var<S, D> apply(Site, Index index, Var<S, D> x, Var<S, D> y, Pass<S, D>&) { return index == layer_ ? x : y; }

   private:
    Index layer_;
  };
};

template <class A> std::vector<double> logits(nn::Transformer<A, double, Cpu> model) {
  Tape<double, Cpu> tape;
  tape.start(false);
  const auto value = model.logits(tape, TinyBatch().tokens()).value();
  return {value.data, value.data + value.size()};
}

}  // namespace

TEST_CASE("layer site: a scale of the stream starts as the backbone, and its gradient is right") {
  auto model = tiny_model<double>(LayerScale{});
  CHECK(logits(tiny_model<double>(LayerScale{})) == logits(tiny_model<double>(adapter::None{})));
  for (auto* factor : model.parameters())
    for (Index c = 0; c < factor->value.size(); ++c) factor->value.data()[c] = 1 + 0.1 * static_cast<double>(c % 5 - 2);
  CHECK(model_gradient_error(model, TinyBatch(), Slopes::smooth) < 1e-6);
  const auto whole = testing::numbers_of(model, TinyBatch(), 0.0);
  model.recompute_layers = true;
  CHECK(testing::numbers_of(model, TinyBatch(), 0.0).gradients == whole.gradients);
}

TEST_CASE("layer site: gradients are right beside a residue in a list, and behind Any") {
  const adapter::List both(adapter::Residue<>{.width = 3}, LayerScale{});
  auto model = tiny_model<double>(adapter::Any<double, Cpu>(both));
  testing::fill_zero_parameters(model.parameters());
  CHECK(model_gradient_error(model, TinyBatch()) < 1e-6);
}

TEST_CASE("layer site: x is the layer's input, and returning it skips the layer") {
  const auto one = tiny_backbone<double>(testing::tiny_config(1));
  CHECK(logits(tiny_model<double>(Without{1})) == logits(nn::Transformer<adapter::None, double, Cpu>(one)));
  CHECK(logits(tiny_model<double>(Without{0})) != logits(tiny_model<double>(Without{1})));
}
