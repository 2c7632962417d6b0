// Shared by the tests of adapters: compositions of policies, gates forced open or closed, and the gradient of a whole
// model.
#pragma once

#include "neutra/adapter/none.hpp"
#include "neutra/body/all.hpp"
#include "neutra/gate/all.hpp"
#include "neutra/init/he.hpp"
#include "neutra/penalty/all.hpp"
#include "neutra/testing/tiny_model.hpp"

#include "tests/catch.hpp"

using namespace neutra;
using adapter::Placement;
using testing::AnyResidue;
using testing::relative_difference;
using testing::tiny_backbone;
using testing::TinyBatch;

/// A residue of the given policies, width 3, on the tiny model.
template <Scalar S, Gate G, Penalty P, Body B = body::GatedUnit>
AnyResidue<S> residue_of(const G& gate, const P& penalty, Placement placement = Placement::parallel,
                         const B& body = {}) {
  return {.gate = gate, .body = body, .penalty = penalty, .init = init::He{}, .placement = placement, .width = 3};
}

template <Scalar S, class A> nn::Transformer<A, S, Cpu> tiny_model(const A& adapter, std::uint64_t seed = 1) {
  return {tiny_backbone<S>(), adapter, seed};
}

/// Gates that read only the first channel, which is positive for every token: all open, or all closed.
template <Scalar S> void force_gates(const std::vector<Parameter<S, Cpu>*>& parameters, bool open) {
  for (auto* parameter : parameters) {
    auto& w = parameter->value;
    const Index cols = w.shape().cols();
    const bool hidden = parameter->name.ends_with(".gate_hidden"), last = parameter->name.ends_with(".gate");
    const bool reads_x = cols == testing::tiny_config().dim;
    for (Index i = 0; (hidden || last) && i < w.size(); ++i) {
      const bool first = i % cols == 0;
      if (hidden)
        w.data()[i] = S(first);
      else
        w.data()[i] = first || !reads_x ? S(open ? 5 : -5) : S(0);
    }
  }
}

/// Share of the tokens (of both domains) whose gate is not zero, by layer; empty for gates without an exact zero.
template <Scalar S, class A>
std::vector<double> open_shares(nn::Transformer<A, S, Cpu>& model, const TinyBatch& batch) {
  adapter::Probe<S, Cpu> probe(model.config().layers);
  Tape<S, Cpu> tape;
  tape.start(false);
  model.loss(tape, batch.tokens(), batch.counts(), &probe);
  std::vector<double> shares;
  for (const auto& layer : probe.counts(0))
    if (layer.gates > 0) shares.push_back(layer.open_share());
  return shares;
}

/// Gives each gate the weight on the first channel that opens about half of the tokens.
template <Scalar S, class A> void balance_gates(nn::Transformer<A, S, Cpu>& model, const TinyBatch& batch) {
  if (open_shares(model, batch).empty()) return;
  std::size_t layer = 0;
  for (auto* parameter : model.parameters()) {
    if (parameter->name.ends_with(".gate_hidden")) {  // its first unit reads the first channel: a bias of the logit
      for (Index i = 0; i < testing::tiny_config().dim; ++i) parameter->value.data()[i] = S(i == 0);
    } else if (parameter->name.ends_with(".gate")) {
      S& bias = parameter->value.data()[0];
      std::pair<double, S> best{1, bias};
      S low = -16, high = 16;
      for (int halving = 0; halving < 30;
           ++halving) {  // the channel is positive, so that the share grows with the weight
        bias = (low + high) / 2;
        const double share = open_shares(model, batch)[layer];
        best = std::min(best, {std::abs(share - 0.5), bias});
        (share > 0.5 ? high : low) = bias;
      }
      bias = best.second;
      ++layer;
    }
  }
}

/// Loss of a pass that records, with alpha times the local loss.
template <class A>
double loss_of(nn::Transformer<A, double, Cpu>& model, Tape<double, Cpu>& tape, const TinyBatch& batch, double alpha) {
  tape.start();
  return model.loss(tape, batch.tokens(), batch.counts()).total(alpha).item();
}

/// How slopes are measured. Across a kink of |r| or of a gate, a difference is wrong at one step size and right at a
/// smaller one, while a wrong gradient is wrong at both. Without kinks, four points far apart have less rounding error,
/// which small gradients behind a softmax need.
enum class Slopes { kinked, smooth };

/// Largest over the parameters of ||analytic - numeric|| / (||numeric|| + 1e-2 ||all||).
template <class A>
double model_gradient_error(nn::Transformer<A, double, Cpu>& model, const TinyBatch& batch,
                            Slopes slopes = Slopes::kinked) {
  constexpr double alpha = 1;
  Tape<double, Cpu> tape;
  tape.start();
  for (auto* parameter : model.parameters()) parameter->has_gradient = false;
  tape.backward(model.loss(tape, batch.tokens(), batch.counts()).total(alpha));
  const auto central = [&](double& x, double step) {
    const double x0 = x;
    x = x0 + step;
    const double above = loss_of(model, tape, batch, alpha);
    x = x0 - step;
    const double below = loss_of(model, tape, batch, alpha);
    x = x0;
    return (above - below) / (2 * step);
  };
  std::vector<std::pair<double, double>> sums;
  double everything = 0;
  for (auto* parameter : model.parameters()) {
    double errors = 0, squares = 0;
    for (Index i = 0; i < parameter->value.size(); ++i) {
      double& x = parameter->value.data()[i];
      const double analytic = parameter->gradient.data()[i];
      const double apart = slopes == Slopes::smooth ? 1e-3 : 1e-4;
      const double numeric =
          (4 * central(x, apart) - central(x, 2 * apart)) / 3;  // error of the fourth order in `apart`
      double error = std::abs(numeric - analytic);
      for (const double step : {5e-6, 5e-7})
        if (error > 1e-9 && slopes == Slopes::kinked) error = std::min(error, std::abs(central(x, step) - analytic));
      errors += error * error;
      squares += numeric * numeric;
    }
    sums.emplace_back(std::sqrt(errors), std::sqrt(squares));
    everything += squares;
  }
  double worst = everything > 0 ? 0 : std::numeric_limits<double>::infinity();
  for (const auto& [error, size] : sums)
    worst = std::isfinite(error) ? std::max(worst, error / (size + 1e-2 * std::sqrt(everything)))
                                 : std::numeric_limits<double>::infinity();
  return worst;
}
