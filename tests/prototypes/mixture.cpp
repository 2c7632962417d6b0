// Two bodies with a softmax router, as one body. The weights of the router do not depend on r, so the width follows
// from the capacity.
#include "neutra/op/columns.hpp"
#include "neutra/op/softmax.hpp"
#include "neutra/testing/check_policy.hpp"

#include "tests/adapter/model.hpp"

namespace {

/// A(x) = p_0 A_0(x) + p_1 A_1(x),  p = softmax(W_r x)      W_r: (2,d)
template <class B> struct Mixture {
  static constexpr std::string_view name = "mixture";
  B expert{};

  std::vector<Weight> weights(Index d, Index r) const {
    std::vector<Weight> all{{"router", {2, d}}};
    for (const char* prefix : {"first.", "second."})
      for (Weight& weight : prefixed(prefix, expert.weights(d, r))) all.push_back(std::move(weight));
    return all;
  }
  template <Scalar S, Backend D> Var<S, D> forward(Var<S, D> x, std::span<const Var<S, D>> w) const {
    const auto p = softmax(linear(x, w[0]));  // (N,2)
    const std::size_t each = (w.size() - 1) / 2;
    const auto first = expert.forward(x, w.subspan(1, each));
    const auto second = expert.forward(x, w.subspan(1 + each));
    const auto half = scale_rows(first, columns(p, 0, 1));
    const auto other = scale_rows(second, columns(p, 1, 1));
    return add(half, other);
  }
};

}  // namespace

TEST_CASE("prototype: a mixture of two bodies behind a softmax router") {
  CHECK(testing::check_policy<Mixture<body::Bottleneck>>() == testing::Faults{});
  auto model = tiny_model<double>(
      residue_of<double>(gate::Sigmoid{}, penalty::L1{}, Placement::parallel, Mixture<body::GatedUnit>{}));
  testing::fill_zero_parameters(model.parameters());
  CHECK(model_gradient_error(model, TinyBatch({0, 1}, 3, 3)) < 1e-7);
  nn::Config config{.vocabulary = 9, .dim = 192, .ffn = 512, .layers = 2, .heads = 6, .context = 4};
  config.complete();
  const auto sizes = config.sizes();
  const adapter::Residue<gate::Relu, Mixture<body::GatedUnit>> residue{.capacity = 0.05};
  const double share =
      static_cast<double>(residue.describe(sizes).weights) / static_cast<double>(sizes.block_weights());
  CHECK(share == Approx(0.05).epsilon(0.02));
  CHECK(residue.fixed_weights(sizes) == 3 * 192);  // router and gate
}
