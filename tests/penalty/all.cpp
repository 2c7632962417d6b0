// Every penalty: the checks of policies, values and gradients against PyTorch, derivatives at a residue of 0.
#include "neutra/penalty/all.hpp"

#include "neutra/gate/open.hpp"

#include "neutra/testing/check_policy.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"
#include "tests/golden_policies.hpp"

using namespace neutra;
using testing::check_policy;
using testing::Faults;

namespace {

constexpr double unset = std::numeric_limits<double>::quiet_NaN();

/// The sum over the six golden tokens and its gradient, with backend D.
template <Backend D, RowFunction P> void check_golden(const P& penalty, const std::string& name) {
  CAPTURE(name);
  const auto r = golden("policy.r"), y = golden("policy.y");
  const auto value = golden("policy.penalty." + name + ".value"),
             gradient = golden("policy.penalty." + name + ".gradient");
  REQUIRE(r.size() == 48);
  std::vector<double> dr(48, unset);
  Tape<double, D> tape;
  tape.start();
  const auto loss = residue_penalty(penalty, tape.input({r.data(), {6, 8}}, dr.data()), tape.input({y.data(), {6, 8}}),
                                    Counted<double>{}, 1.0);
  CHECK(loss.item() == Approx(value[0]).epsilon(1e-14));
  tape.backward(loss);
  CHECK(testing::relative_difference(dr, gradient) < 1e-14);
}

struct WrongFactor : penalty::L2 {
  template <class S> RowSlopes<S> df(RowSums<S> t) const { return {S(0), S(2) / t.channels}; }
};
struct InfiniteSlope : penalty::GroupLasso {
  template <class S> RowSlopes<S> df(RowSums<S> t) const { return {S(0), S(0.5) / std::sqrt(t.square * t.channels)}; }
};
struct WrongByLogit : penalty::DomainCrossEntropy {
  template <class V> V ds(V, V s, V) const { return math::sigmoid(s); }
};
struct OverflowingLogit : penalty::DomainCrossEntropy {
  template <class V> V f(V, V s, V label) const { return math::log(V(1) + math::exp(s)) - label * s; }
};

/// Correct as a function, but 1 at a residue of 0, so that skipped tokens would be missing in the sum.
struct Offset : penalty::L1 {
  template <class S> S f(RowSums<S> t) const { return S(1) + t.absolute / t.channels; }
};

bool has(const Faults& faults, std::string_view part) {
  return std::any_of(faults.begin(), faults.end(),
                     [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("penalties: every penalty of the list is a correct function, finite everywhere, and trains") {
  for_each_type(penalty::All{}, []<class P>() {
    CAPTURE(P::name);
    CHECK(check_policy<P>() == Faults{});
  });
}

TEMPLATE_TEST_CASE("penalties: values and gradients equal those of PyTorch", "", Cpu, ScalarCpu) {
  check_golden<TestType>(penalty::L1{}, "l1");
  check_golden<TestType>(penalty::L2{}, "l2");
  check_golden<TestType>(penalty::GroupLasso{}, "group_lasso");
  check_golden<TestType>(penalty::Hoyer{}, "hoyer");
  check_golden<TestType>(penalty::Relative{}, "relative");
  const auto s = golden("policy.s"), label = golden("policy.label");
  const auto value = golden("policy.penalty.domain_cross_entropy.value"),
             gradient = golden("policy.penalty.domain_cross_entropy.gradient");
  std::vector<double> ds(6, unset);
  Tape<double, TestType> tape;
  tape.start();
  const auto logits = tape.input({s.data(), {6, 1}}, ds.data());
  const auto loss =
      gate_penalty(penalty::DomainCrossEntropy{}, logits, logits, Counted<double>{nullptr, label.data(), nullptr}, 1.0);
  CHECK(loss.item() == Approx(value[0]).epsilon(1e-14));
  tape.backward(loss);
  CHECK(testing::relative_difference(ds, gradient) < 1e-14);
}

TEST_CASE("penalties: |g| applies to gates of either sign, and averages over the channels of a token") {
  const std::vector<double> g{-2, 3, 0, -5};
  std::vector<double> dg(4, unset);
  Tape<double, Cpu> tape;
  tape.start();
  const auto gates = tape.input({g.data(), {2, 2}}, dg.data());
  const auto loss = gate_penalty(penalty::GateL1{}, gates, tape.input({g.data(), {2, 2}}), Counted<double>{}, 1.0);
  CHECK(loss.item() == 5);
  tape.backward(loss);
  CHECK(dg == std::vector<double>{-0.5, 0.5, 0, -0.5});
}

TEST_CASE("penalties: the domain classifier weighs tokens of the original domain as asked") {
  const penalty::DomainCrossEntropy plain, weighted{.original_weight = 9};
  for (const double s : {-2.0, 0.0, 1.5}) {
    CHECK(weighted.f(0.0, s, 0.0) == 9 * plain.f(0.0, s, 0.0));
    CHECK(weighted.f(0.0, s, 1.0) == plain.f(0.0, s, 1.0));
    CHECK(plain.f(0.0, s, 0.0) == Approx(std::log1p(std::exp(s))));
  }
  CHECK(check_policy(weighted) == Faults{});
}

TEST_CASE("penalties: the derivative at r = 0 is 0") {
  const std::vector<float> zero(16, 0), y(16, 1.5f);
  for_each_type(penalty::All{}, [&]<class P>() {
    if constexpr (RowFunction<P>) {
      CAPTURE(P::name);
      std::vector<float> dr(16, 7);
      Tape<float, Cpu> tape;
      tape.start();
      const auto loss = residue_penalty(P{}, tape.input({zero.data(), {2, 8}}, dr.data()),
                                        tape.input({y.data(), {2, 8}}), Counted<float>{}, 1.0f);
      CHECK(loss.item() == 0);
      tape.backward(loss);
      CHECK(dr == zero);
    }
  });
}

TEST_CASE(
    "penalties: only the domain classifier, alone or in a sum, counts both domains, and penalties on the gate reject "
    "an open one") {
  for_each_type(penalty::All{}, []<class P>() {
    CAPTURE(P::name);
    const bool classifies = P::name.ends_with(penalty::DomainCrossEntropy::name);
    const bool reads_gate = classifies || std::same_as<P, penalty::GateL1>;
    CHECK((P::counts == penalty::Counts::both) == classifies);
    CHECK(penalty::traits(P{}).reads_gate == reads_gate);
    testing::AnyResidue<float> residue{
        .gate = gate::Open{}, .body = body::GatedUnit{}, .penalty = P{}, .init = init::He{}, .width = 2};
    const std::string said = message(
        [&] { nn::Transformer<testing::AnyResidue<float>, float, Cpu>(testing::tiny_backbone<float>(), residue, 1); });
    CHECK(said == (reads_gate ? concat("residue: the penalty ", P::name,
                                       " reads the gate, but the gate is open; choose a gate or another penalty")
                              : ""));
  });
}

TEST_CASE("penalties: each broken promise is named") {
  CHECK(has(check_policy<WrongFactor>(), "differs from central differences"));
  CHECK(has(check_policy<InfiniteSlope>(), "not finite where the residue's elements are 0"));
  CHECK(has(check_policy<WrongByLogit>(), "differs from central differences"));
  CHECK(has(check_policy<OverflowingLogit>(), "not finite"));
  CHECK(has(check_policy<Offset>(), "a penalty must be 0 where the residue is 0"));
}

// Both norms are below 1e-19 only if the FFN output is close to 0; the product of their square roots is then below the
// range of float.
TEST_CASE("penalties: a tiny residue and a tiny output give a finite derivative") {
  for_each_type(penalty::All{}, []<class P>() {
    if constexpr (RowFunction<P>) {
      CAPTURE(P::name);
      CHECK(testing::detail::finite_for_rows<float>(P{}, 1e-21, 1e-21));
    }
  });
}
