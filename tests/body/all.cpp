// Every body: the checks of policies, the formula element by element, and bodies that break a promise.
#include "neutra/body/all.hpp"

#include "neutra/testing/check_policy.hpp"

#include "tests/catch.hpp"

using namespace neutra;
using testing::check_policy;
using testing::Faults;
using testing::random_tensor;

namespace {

double silu(double x) { return x / (1 + std::exp(-x)); }

/// w[o] . x
double dot(const Tensor<double>& w, Index o, const double* x) {
  double sum = 0;
  for (Index i = 0; i < w.shape().cols(); ++i) sum += w.data()[o * w.shape().cols() + i] * x[i];
  return sum;
}

/// The largest difference between the output of a body and that of inner(w, j, x), the value of unit j of a token
/// before the last weight.
template <class B, class F> double difference(const B& body, const F& inner) {
  constexpr Index rows = 5, d = 7, r = 3;
  const auto x = random_tensor<double>({rows, d}, "x");
  std::vector<Tensor<double>> w;
  for (const body::Weight& weight : body.weights(d, r)) w.push_back(random_tensor<double>(weight.shape, weight.name));
  Tape<double, Cpu> tape;
  tape.start(false);
  std::vector<Var<double, Cpu>> vars;
  for (const auto& weight : w) vars.push_back(tape.input(weight.view()));
  const auto y = body.forward(tape.input(x.view()), std::span<const Var<double, Cpu>>(vars));
  REQUIRE(y.shape() == Shape({rows, d}));
  double most = 0;
  for (Index n = 0; n < rows; ++n)
    for (Index c = 0; c < d; ++c) {
      double sum = 0;
      for (Index j = 0; j < r; ++j) sum += w.back().data()[c * r + j] * inner(w, j, x.data() + n * d);
      most = std::max(most, std::abs(sum - y.value()(n, c)));
    }
  return most;
}

struct NotZeroAtStart : body::Bottleneck {
  std::vector<body::Weight> weights(Index d, Index r) const { return {{"down_proj", {r, d}}, {"up_proj", {d, r}}}; }
};
struct NotLinear : body::Bottleneck {
  std::vector<body::Weight> weights(Index d, Index r) const {
    return {{"down_proj", {r * r, d}}, {"up_proj", {d, r * r}, 0.0}};
  }
};
struct SameNames : body::Bottleneck {
  std::vector<body::Weight> weights(Index d, Index r) const { return {{"gate", {r, d}}, {"gate", {d, r}, 0.0}}; }
};
/// A body whose result for a row depends on the number of rows.
struct LooksAside : body::Bottleneck {
  template <Scalar S, Backend D> Var<S, D> forward(Var<S, D> x, std::span<const Var<S, D>> w) const {
    const auto y = body::Bottleneck::forward(x, w);
    return add(y, y, S(0.01) * static_cast<S>(x.shape().rows()));
  }
};

bool has(const Faults& faults, std::string_view part) {
  return std::any_of(faults.begin(), faults.end(),
                     [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("bodies: every body of the list is a correct function, keeps its promises and trains") {
  for_each_type(body::All{}, []<class B>() {
    CAPTURE(B::name);
    CHECK(check_policy<B>() == Faults{});
  });
}

TEST_CASE("bodies: the formula, element by element") {
  CHECK(difference(body::GatedUnit{}, [](const auto& w, Index j, const double* x) {
          return silu(dot(w[0], j, x)) * dot(w[1], j, x);
        }) < 1e-12);
  CHECK(difference(body::Bottleneck{}, [](const auto& w, Index j, const double* x) { return silu(dot(w[0], j, x)); }) <
        1e-12);
}

TEST_CASE("bodies: only the output matrix starts at zero") {
  for_each_type(body::All{}, []<class B>() {
    CAPTURE(B::name);
    const auto weights = B{}.weights(7, 3);
    for (const body::Weight& weight : weights) CHECK(weight.start.drawn() == (&weight != &weights.back()));
    CHECK(weights.back().shape == Shape({7, 3}));
  });
}

TEST_CASE("bodies: each broken promise is named") {
  CHECK(has(check_policy<NotZeroAtStart>(), "not 0 at the start"));
  CHECK(has(check_policy<NotLinear>(), "grow linearly"));
  CHECK(has(check_policy<SameNames>(), "two weights of a layer are called 'gate'"));
  CHECK(has(check_policy<LooksAside>(), "depends on other rows"));
}
