// The penalty towards start values: its gradient is that of the formula, by central differences.
#include "neutra/backend/cpu/cpu.hpp"

#include "neutra/optim/anchor.hpp"
#include "neutra/testing/check_gradient.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

using namespace neutra;
using testing::random_tensor;

namespace {

/// weight / 2 * sum of importance * (w - w0)^2
double penalty(const Tensor<double, Cpu>& w, const Tensor<double, Cpu>& start, const Tensor<double, Cpu>& importance,
               double weight) {
  double sum = 0;
  for (Index i = 0; i < w.size(); ++i) {
    const double away = w.data()[i] - start.data()[i];
    sum += (importance.empty() ? 1 : importance.data()[i]) * away * away;
  }
  return weight / 2 * sum;
}

}  // namespace

TEST_CASE("anchor: adds the gradient of the penalty to that of the step", "[optim]") {
  for (const Shape& shape : {Shape{1}, Shape{17}, Shape{3, 5}, Shape{4, 33}})
    for (const bool important : {false, true}) {
      CAPTURE(shape.rank(), shape.cols(), important);
      Parameter<double, Cpu> p("p", random_tensor<double, Cpu>(shape, "value"));
      // Packed without a row-major copy where it is a matrix, as in a backbone.
      const Frozen<double, Cpu> start("p", random_tensor<double, Cpu>(shape, "start"), {.packed = shape.rank() == 2});
      auto importance = important ? random_tensor<double, Cpu>(shape, "importance") : Tensor<double, Cpu>();
      const auto before = random_tensor<double, Cpu>(shape, "gradient"), from = start.copy();
      p.gradient = before.clone();
      p.has_gradient = true;
      optim::Anchor<double, Cpu> anchor({p, start}, importance.clone());
      anchor.add_gradient(0.7);
      for (Index i = 0; i < p.value.size(); ++i) {
        double& w = p.value.data()[i];
        const double at = w, step = 1e-3;
        w = at + step;
        const double above = penalty(p.value, from, importance, 0.7);
        w = at - step;
        const double below = penalty(p.value, from, importance, 0.7);
        w = at;
        CHECK(p.gradient.data()[i] - before.data()[i] == Approx((above - below) / (2 * step)).margin(1e-9));
      }
    }
}

TEST_CASE("anchor: other shapes and a parameter without a gradient are refused", "[optim]") {
  Parameter<double, Cpu> p("p", Tensor<double, Cpu>({2, 3}));
  const Frozen<double, Cpu> start("p", Tensor<double, Cpu>({2, 3})), other("q", Tensor<double, Cpu>({3, 2}));
  CHECK(message([&] { optim::StartedFrom<double, Cpu>(p, other); }) ==
        "start values: those of p must be (2,3), got (3,2)");
  CHECK(message([&] {
          optim::Anchor<double, Cpu>({p, start}, Tensor<double, Cpu>({3}));
        }) == "anchor: the importance of p must be (2,3), got (3)");
  CHECK(message([&] {
          optim::Anchor<double, Cpu>({p, start}).add_gradient(1);
        }) == "anchor: p got no gradient in this step; call backward() first");
}
