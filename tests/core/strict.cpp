// What a policy's function may do. What it may not do is tested under tests/reject.
#include "neutra/core/strict.hpp"

#include "neutra/op/gated.hpp"
#include "neutra/penalty/all.hpp"

#include "tests/catch.hpp"

#include <cmath>

using namespace neutra;

namespace {

/// Operators, math functions, conversions of options, and an `if` on an option.
struct Allowed {
  float slope = 0.1f;
  int power = 2;
  bool soft = false;
  template <class V> V f(V x) const {
    V y = math::sigmoid(x) + math::softplus(x) - math::sign(x) * math::relu(-x) / V(slope);
    y += V(power);
    y -= V(0.5);
    y *= V(2.0f);
    y /= V(3);
    if (soft) return math::log1p(math::sqrt(math::abs(y)));
    const auto inside = (x > V(-1)) & (x <= V(1)), outside = !inside || x == V(2);
    return math::select(inside && (x >= V(0)), math::min(y, math::tanh(x)),
                        math::select(outside | (x != y), math::max(y, V(0)), math::log(x)));
  }
  template <class V> auto df(V x, V) const { return math::select(x < V(0), V(slope), V(1)); }
};

/// A penalty on channel sums gets plain numbers, so that it may branch on them.
struct OfRows {
  template <class S> S f(RowSums<S> t) const { return t.square > S(0) ? std::sqrt(t.square) : S(0); }
  template <class S> RowSlopes<S> df(RowSums<S> t) const {
    if (t.square > S(0)) return {S(0), S(0.5) / std::sqrt(t.square)};
    return {S(0), S(0)};
  }
};

}  // namespace

TEST_CASE("strict: what every backend allows compiles, for pointwise functions and penalties") {
  STATIC_REQUIRE(check_pointwise<Allowed>());
  STATIC_REQUIRE(check_pointwise<op::Silu>());
  STATIC_REQUIRE(check_gate_function<penalty::DomainCrossEntropy>());
  STATIC_REQUIRE(check_row_function<OfRows>());
  CHECK(Allowed{}.df(-1.0f, 0.0f) == 0.1f);
}
