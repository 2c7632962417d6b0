// A gate that reads the position of a token: its logit is the mean over the token and those before it in its sequence.
#include "neutra/gate/causal_mean.hpp"
#include "neutra/testing/check_policy.hpp"

#include "tests/adapter/model.hpp"

namespace {

using Slow = gate::CausalMean<gate::Relu>;

/// The logits of a batch of two sequences of four tokens.
std::vector<double> logits(const Tensor<double>& x, const Tensor<double>& w) {
  Tape<double, Cpu> tape;
  tape.start(false);
  const Var<double, Cpu> weights[] = {tape.input(w.view())};
  const auto s = gate::logit(Slow{}, tape.input(x.view()), weights, {.sequences = 2, .length = 4}).value();
  return {s.data, s.data + s.size()};
}

}  // namespace

TEST_CASE("prototype: a gate of the running mean logit passes every check, around other wrappers too") {
  CHECK(Slow::name == "causal_mean_relu");
  CHECK(testing::check_policy<Slow>() == testing::Faults{});
  CHECK(testing::check_policy<gate::CausalMean<gate::TwoLayer<gate::Elu>>>() == testing::Faults{});
  CHECK(testing::check_policy<gate::CausalMean<gate::PerChannel<gate::JumpRelu>>>() == testing::Faults{});
  auto model = tiny_model<double>(residue_of<double>(Slow{}, penalty::GateL1{}));
  testing::fill_zero_parameters(model.parameters());
  balance_gates(model, TinyBatch({0, 1}, 3, 3));
  CHECK(model_gradient_error(model, TinyBatch({0, 1}, 3, 3)) < 1e-7);
}

TEST_CASE("prototype: the running mean reads no other sequence and no later token") {
  auto x = testing::random_tensor<double>({8, 12}, "x");
  const auto w = testing::random_tensor<double>({1, 12}, "w");
  const auto before = logits(x, w);
  for (Index c = 0; c < 12; ++c) x.data()[2 * 12 + c] += 1;  // position 2 of the first sequence
  const auto after = logits(x, w);
  for (std::size_t n = 0; n < 8; ++n) {
    CAPTURE(n);
    CHECK((before[n] == after[n]) == (n != 2 && n != 3));
  }
}

TEST_CASE("prototype: a gate that needs the sequences of a pass that has none is an Error") {
  const adapter::Sizes sizes{.dim = 12, .layers = 1};
  adapter::ResidueInstance<float, Cpu> instance(adapter::Residue<Slow>{.width = 2}, sizes, 1);
  const auto x = testing::random_tensor<float, Cpu>({8, 12}, "x");
  Tape<float, Cpu> tape;
  tape.start(false);
  Pass<float, Cpu> pass{.tape = tape};
  CHECK_THROWS_AS(instance.apply(adapter::Site::ffn, 0, tape.input(x.view()), tape.input(x.view()), pass), Error);
  pass.tokens = {.sequences = 2, .length = 4};
  CHECK(instance.apply(adapter::Site::ffn, 0, tape.input(x.view()), tape.input(x.view()), pass).shape() == x.shape());
}
