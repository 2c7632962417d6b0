// How is a gradient computed, and is it correct?      ./01_gradient      under a second
//
// Ops run when they are called and record themselves on a tape; backward() walks the record from its end. A gated unit
// is fitted to random numbers by hand: loss, gradient, a step down, forty times. Before that, every derivative is
// compared with the difference quotient. Prints the gradient from the tape and from differences for four weights, the
// largest difference of all, and the loss every ten steps.
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/core/random.hpp"
#include "neutra/op/add.hpp"
#include "neutra/op/gated.hpp"
#include "neutra/op/linear.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

using namespace neutra;

namespace {

/// Normal random numbers that depend only on the name.
Tensor<double, Cpu> drawn(const Shape& shape, const char* name, double scale) {
  Tensor<double, Cpu> tensor(shape);
  const Philox random(1, name);
  for (Index i = 0; i < shape.size(); ++i) tensor.data()[i] = scale * random.normal(0, static_cast<std::uint64_t>(i));
  return tensor;
}

/// An op of your own: the sum of squares of x (N,C). First the forward pass, then the backward pass: dx = 2 x dsum.
Var<double, Cpu> sum_of_squares(Var<double, Cpu> x) {
  auto& tape = x.tape();
  const auto sum = tape.make({});
  double total = 0;
  for (Index i = 0; i < x.shape().size(); ++i) total += x.value().data[i] * x.value().data[i];
  *tape.out(sum).data = total;
  tape.record(sum, {x}, {x}, [=](Tape<double, Cpu>& t) {
    const double up = *t.gradient(sum).data;
    if (const auto dx = t.into(x))  // the tape knows whether to overwrite or to add
      for (Index i = 0; i < x.shape().size(); ++i)
        dx.view.data[i] = 2 * x.value().data[i] * up + (dx.add ? dx.view.data[i] : 0);
  });
  return sum;
}

/// y = W_o (silu(W_g x) * (W_i x)), fitted to target numbers.
struct Fit {
  Parameter<double, Cpu> gate{"gate", drawn({6, 3}, "gate", 0.5)}, in{"in", drawn({6, 3}, "in", 0.5)},
      out{"out", drawn({2, 6}, "out", 0.5)};
  Tensor<double, Cpu> x = drawn({8, 3}, "x", 1), wanted = drawn({8, 2}, "wanted", 1);
  Tape<double, Cpu> tape;

  std::array<Parameter<double, Cpu>*, 3> parameters() { return {&gate, &in, &out}; }

  Var<double, Cpu> loss() {
    tape.start();
    const auto input = tape.input(x.view());                                                          // (8,3)
    const auto up = linear(input, tape.leaf(in)), inner = gated(linear(input, tape.leaf(gate)), up);  // (8,6)
    return sum_of_squares(add(linear(inner, tape.leaf(out)), tape.input(wanted.view()), -1));
  }
  void backward() {
    for (auto* p : parameters()) p->has_gradient = false;  // the next contribution overwrites instead of adding
    tape.backward(loss());
  }
};

/// (loss(w + h) - loss(w - h)) / 2h
double quotient(Fit& fit, double& weight) {
  const double h = 1e-5, kept = weight;
  weight = kept + h;
  const double above = fit.loss().item();
  weight = kept - h;
  const double below = fit.loss().item();
  weight = kept;
  return (above - below) / (2 * h);
}

}  // namespace

int main() {
  Fit fit;
  fit.backward();
  double worst = 0;
  std::printf("%-8s %14s %14s\n", "weight", "tape", "differences");
  for (auto* p : fit.parameters())
    for (Index i = 0; i < p->value.size(); ++i) {
      const double slope = p->gradient.data()[i], expected = quotient(fit, p->value.data()[i]);
      worst = std::max(worst, std::abs(slope - expected) / std::max(1.0, std::abs(expected)));
      if (p == &fit.out && i < 4)
        std::printf("out[%td]   %14.9f %14.9f\n", static_cast<std::ptrdiff_t>(i), slope, expected);
    }
  std::printf("largest difference of all %.1e\n\n", worst);

  for (int step = 0; step <= 40; ++step) {
    if (step % 10 == 0) std::printf("step %2d   loss %.6f\n", step, fit.loss().item());
    fit.backward();
    for (auto* p : fit.parameters())
      for (Index i = 0; i < p->value.size(); ++i) p->value.data()[i] -= 0.01 * p->gradient.data()[i];
  }
  return worst < 1e-8 ? 0 : 1;
}
