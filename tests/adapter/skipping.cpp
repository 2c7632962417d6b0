// Skipping closed tokens changes only the time: forward rows are equal to the bit, gradients up to rounding.
#include "tests/adapter/model.hpp"

namespace {

/// A gate whose closed tokens still learn: a rectifier with the slope of the identity.
struct StraightThrough {
  static constexpr std::string_view name = "straight_through";
  static constexpr bool exact_zero = true;
  template <class V> NEUTRA_HD V f(V s) const { return math::relu(s); }
  template <class V> NEUTRA_HD V df(V, V) const { return V(1); }
};

template <Scalar S>
testing::Numbers run(AnyResidue<S> residue, bool skip, double share, const TinyBatch& batch,
                     std::vector<double>* open = nullptr) {
  residue.skip = skip;
  auto model = tiny_model<S>(residue);
  testing::fill_zero_parameters(model.parameters());
  if (share == 0 || share == 1)
    force_gates(model.parameters(), share == 1);
  else
    balance_gates(model, batch);
  if (open) *open = open_shares(model, batch);
  return testing::numbers_of(model, batch, S(0.5));
}

template <Scalar S> void check_equal(const AnyResidue<S>& residue, double share) {
  const TinyBatch batch;
  std::vector<double> open;
  const auto skipped = run(residue, true, share, batch, &open), dense = run(residue, false, share, batch);
  CAPTURE(sizeof(S), share, open);
  REQUIRE(open.size() == 2);
  if (share == 0 || share == 1)
    CHECK(open == std::vector<double>(2, share));
  else
    CHECK(std::any_of(open.begin(), open.end(), [](double layer) { return layer > 0.2 && layer < 0.8; }));
  CHECK(skipped.logits == dense.logits);
  CHECK(skipped.losses[0] == dense.losses[0]);
  CHECK(skipped.losses[1] == Approx(dense.losses[1]).epsilon(sizeof(S) == 4 ? 1e-6 : 1e-14));
  CHECK(relative_difference(skipped.gradients, dense.gradients) < (sizeof(S) == 4 ? 1e-6 : 1e-13));
}

using Skipping = Types<gate::Relu, gate::HardSigmoid, gate::JumpRelu, gate::TwoLayer<gate::Relu>, StraightThrough>;
using Penalties = Types<penalty::None, penalty::L1, penalty::GroupLasso, penalty::GateL1, penalty::DomainCrossEntropy>;

double norm(const std::vector<double>& x) {
  double square = 0;
  for (const double each : x) square += each * each;
  return std::sqrt(square);
}

}  // namespace

TEMPLATE_TEST_CASE("skipping: rows and gradients are those of computing every token, with no token open, some and all",
                   "", float, double) {
  for_each_type(Skipping{}, []<class G>() {
    for_each_type(Penalties{}, []<class P>() {
      CAPTURE(G::name, P::name);
      for (const Placement placement : {Placement::parallel, Placement::attention})
        for (const double share : {0.0, 0.5, 1.0}) check_equal(residue_of<TestType>(G{}, P{}, placement), share);
    });
  });
}

TEST_CASE("skipping: beside other placements and bodies") {
  check_equal(residue_of<float>(gate::Relu{}, penalty::L1{}, Placement::after), 0.5);
  check_equal(residue_of<double>(gate::Relu{}, penalty::L1{}, Placement::parallel, body::Bottleneck{}), 0.5);
}

TEST_CASE("skipping: closed tokens that a penalty or a slope reaches still get gradients") {
  const TinyBatch batch;
  CHECK(norm(run(residue_of<double>(gate::Relu{}, penalty::L1{}), true, 0, batch).gradients) == 0);
  CHECK(norm(run(residue_of<double>(gate::Relu{}, penalty::DomainCrossEntropy{}), true, 0, batch).gradients) > 1e-3);
  CHECK(norm(run(residue_of<double>(StraightThrough{}, penalty::None{}), true, 0, batch).gradients) > 1e-3);
}

TEST_CASE("skipping: with every token closed the model is the backbone, and training continues") {
  const TinyBatch batch;
  auto backbone = tiny_model<float>(adapter::None{});
  Tape<float, Cpu> tape;
  tape.start(false);
  const auto logits = backbone.logits(tape, batch.tokens()).value();
  CHECK(run(residue_of<float>(gate::Relu{}, penalty::L1{}), true, 0, batch).logits ==
        std::vector<double>(logits.data, logits.data + logits.size()));
  auto model = tiny_model<float>(residue_of<float>(gate::Relu{}, penalty::DomainCrossEntropy{}));
  testing::fill_zero_parameters(model.parameters());
  force_gates(model.parameters(), false);
  const auto losses = testing::train_on(model, batch, 5);
  CHECK(losses.back() < losses.front());
}

namespace {

/// Counts the rows of products, to see what skipping saves.
struct Counting : Cpu {
  inline static Index product_rows = 0;
  using Cpu::product;
  template <Scalar S> static void product(Operand<S> a, Operand<S> b, Result<S> into, View<const S> addend = {}) {
    product_rows += a.rows();
    Cpu::product(a, b, into, addend);
  }
  template <Scalar S> static void product(Operand<S> a, const Packed<S>& b, Result<S> into, View<const S> addend = {}) {
    Cpu::product(a, b, into, addend);
  }
};

}  // namespace

TEST_CASE("skipping: the body's products read open tokens only") {
  const TinyBatch batch({1, 0}, 5, 8);
  const auto rows_at = [&](bool skip, double share) {
    AnyResidue<float, Counting> residue{.gate = gate::Relu{},
                                        .body = body::GatedUnit{},
                                        .penalty = penalty::None{},
                                        .init = init::He{},
                                        .width = 3,
                                        .skip = skip};
    nn::Transformer<AnyResidue<float, Counting>, float, Counting> model(tiny_backbone<float, Counting>(), residue, 1);
    auto twin = tiny_model<float>(residue_of<float>(gate::Relu{}, penalty::None{}));
    if (share == 0.5)
      balance_gates(twin, batch);
    else
      force_gates(twin.parameters(), share == 1);
    const auto from = twin.parameters();
    const auto to = model.parameters();
    for (std::size_t i = 0; i < to.size(); ++i)
      std::copy_n(from[i]->value.data(), from[i]->value.size(), to[i]->value.data());
    Tape<float, Counting> tape;
    tape.start(false);
    Counting::product_rows = 0;
    model.logits(tape, batch.tokens());
    return Counting::product_rows;
  };
  constexpr Index tokens = 16, layers = 2;
  CHECK(rows_at(false, 0) == tokens * layers * 4);  // the gate's logit and three matrices
  CHECK(rows_at(true, 0) == tokens * layers);
  CHECK(rows_at(true, 1) == tokens * layers * 4);
  const Index some = rows_at(true, 0.5) - tokens * layers;
  CHECK(some > 0);
  CHECK(some < tokens * layers * 3);
  CHECK(some % 3 == 0);
}
