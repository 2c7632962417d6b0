// (IA)3: a learned scale per channel of keys, values and the hidden units of the FFN.
// Liu et al. 2022, arXiv 2205.05638
#include "neutra/op/scale_columns.hpp"

#include "tests/adapter/model.hpp"

namespace {

/// y * l at k, v and up; scaling `up` scales the hidden units of the FFN.      l: starts at 1
struct Ia3 {
  static constexpr std::array<adapter::Site, 3> sites{adapter::Site::k, adapter::Site::v, adapter::Site::up};

  adapter::Description describe(const adapter::Sizes& sizes) const {
    return {.kind = "ia3",
            .weights = sizes.layers * (2 * sizes.outputs(adapter::Site::k) + sizes.outputs(adapter::Site::up))};
  }
  template <Scalar S, Backend D> class Instance {
   public:
    Instance(const Ia3&, const adapter::Sizes& sizes, std::uint64_t) {
      for (Index layer = 0; layer < sizes.layers; ++layer)
        for (const adapter::Site site : Ia3::sites)
          scales_.emplace_back(concat("adapter.", layer, ".", adapter::to_string(site)),
                               adapter::constant_tensor<S, D>({sizes.outputs(site)}, 1));
    }
    std::vector<Parameter<S, D>*> parameters() {
      std::vector<Parameter<S, D>*> all;
      for (auto& scale : scales_) all.push_back(&scale);
      return all;
    }
    bool acts_at(adapter::Site site) const { return std::count(Ia3::sites.begin(), Ia3::sites.end(), site) > 0; }
    Var<S, D> apply(adapter::Site site, Index layer, Var<S, D>, Var<S, D> y, Pass<S, D>& pass) {
      const auto at = std::find(Ia3::sites.begin(), Ia3::sites.end(), site) - Ia3::sites.begin();
      return scale_columns(y, pass.tape.leaf(scales_[static_cast<std::size_t>(3 * layer + at)]));
    }

   private:
    std::deque<Parameter<S, D>> scales_;
  };
};

}  // namespace

TEST_CASE("prototype: (IA)3 initially equals the backbone, and its gradient is correct") {
  const TinyBatch batch({0, 1}, 3, 3);
  auto model = tiny_model<double>(Ia3{});
  auto backbone = tiny_model<double>(adapter::None{});
  Tape<double, Cpu> tape;
  tape.start(false);
  const auto bare = backbone.logits(tape, batch.tokens()).value();
  CHECK(testing::numbers_of(model, batch, 1.0).logits == std::vector<double>(bare.data, bare.data + bare.size()));
  CHECK(model_gradient_error(model, batch, Slopes::smooth) < 1e-7);
  Index there = 0;
  for (const auto* parameter : model.parameters()) there += parameter->value.size();
  CHECK(there == Ia3{}.describe(model.config().sizes()).weights);
}

TEST_CASE("prototype: (IA)3 trains") {
  auto model = tiny_model<float>(Ia3{});
  const auto losses = testing::train_on(model, TinyBatch());
  CHECK(losses.back() < losses.front());
}
