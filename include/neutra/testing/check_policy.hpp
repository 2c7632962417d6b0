/// The checks that every policy must pass, the library's and a user's:
///
///     TEST_CASE("saturating") { CHECK(neutra::testing::check_policy<Saturating>() == neutra::testing::Faults{}); }
///
/// A policy must be correct as a function (value and derivative, finite everywhere, SIMD equal to scalar), keep its
/// promises (exact_zero, sizes linear in the width, an output that starts at zero), and train a tiny model.
#pragma once

#include "neutra/body/gated_unit.hpp"
#include "neutra/gate/relu.hpp"
#include "neutra/init/he.hpp"
#include "neutra/penalty/l1.hpp"
#include "neutra/testing/policy_functions.hpp"
#include "neutra/testing/tiny_model.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace testing {

namespace detail {

template <class P> void check_name(Faults& faults) {
  const std::string_view name = P::name;
  if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string_view::npos)
    faults.push_back(
        concat("the name must be lower case letters, digits and '_', since programs choose by it, got '", name, "'"));
}

/// Twenty steps on one batch must reduce its loss.
inline void check_training(const AnyResidue<float>& residue, Faults& faults) {
  nn::Transformer<AnyResidue<float>, float, DefaultDevice> model(tiny_backbone<float>(), residue, 1);
  const auto losses = train_on(model, TinyBatch());
  if (!(losses.back() < losses.front()))
    faults.push_back(
        concat("twenty training steps took the loss from ", losses.front(), " to ", losses.back(), "; it must fall"));
}

/// Spreads the gates: logits of size 3 and either sign. The gate weights have standard deviation 4 in all channels but
/// the first, which is large and equal for every token.
template <Backend D> void spread_gates(const std::vector<Parameter<float, D>*>& parameters) {
  for (auto* parameter : parameters) {
    const bool reads_x = parameter->value.shape().cols() == tiny_config().dim;
    if (!parameter->name.ends_with(".gate") && !parameter->name.ends_with(".gate_hidden")) continue;
    auto drawn = random_tensor<float>(parameter->value.shape(), parameter->name, 4);
    for (Index n = 0; reads_x && n < drawn.shape().rows(); ++n) drawn.view()(n, 0) = 0;
    parameter->value = on_device<float, D>(drawn);
  }
}

/// Computing only the open tokens must give the same logits, bit for bit, and the same local loss and gradients as
/// computing all.
inline void check_skipping(AnyResidue<float> residue, Faults& faults) {
  const TinyBatch batch;
  adapter::Probe<float, DefaultDevice> probe(tiny_config().layers);
  const auto numbers = [&](bool skip) {
    residue.skip = skip;
    nn::Transformer<AnyResidue<float>, float, DefaultDevice> model(tiny_backbone<float>(), residue, 1);
    fill_zero_parameters(model.parameters());
    spread_gates(model.parameters());
    Tape<float, DefaultDevice> tape;
    tape.start(false);
    model.loss(tape, batch.tokens(), batch.counts(), &probe);
    return numbers_of(model, batch, 0.1f);
  };
  const Numbers skipped = numbers(true), dense = numbers(false);
  const auto& layers = probe.counts(0);
  const gate::Traits gate = residue.gate_traits();
  if (gate.exact_zero && !gate.per_channel && std::none_of(layers.begin(), layers.end(), [](const auto& layer) {
        return layer.open > 0 && layer.open < layer.gates;
      }))
    faults.push_back(
        concat("no layer has both open and closed tokens at logits of about 3 (open share of the first: ",
               layers[0].open_share(),
               "), so skipping was not tried; give options at which some such logits open the gate and some close it"));
  if (skipped.logits != dense.logits)
    faults.push_back("with closed tokens skipped the model's logits differ from those with all tokens computed");
  const double local = relative_difference({skipped.losses[1]}, {dense.losses[1]});
  if (!(local < 1e-6))
    faults.push_back(concat("with closed tokens skipped the local loss is ", skipped.losses[1],
                            ", with all tokens computed ", dense.losses[1],
                            "; a penalty must be 0 where the residue is 0"));
  const double difference = relative_difference(skipped.gradients, dense.gradients);
  if (!(difference < 1e-6))
    faults.push_back(concat("with closed tokens skipped the gradients differ by ", difference,
                            " (relative, by norm), at most 1e-6 is rounding"));
}

/// The weights of a body: distinct names that the gate does not use, and sizes fixed or linear in the width, as the
/// search for a capacity assumes.
template <Body B> void check_weights(const B& body, Faults& faults) {
  std::vector<std::string> names{"gate", "gate_hidden"};
  const auto count = [&](Index r) { return neutra::count(body.weights(12, r)); };
  for (const Weight& weight : body.weights(12, 3)) {
    if (std::count(names.begin(), names.end(), weight.name))
      faults.push_back(concat("two weights of a layer are called '", weight.name, "'"));
    if (weight.shape.rank() != 2 && weight.start.drawn())
      faults.push_back(concat("the weight '", weight.name, "' must be a matrix (outputs, inputs), got ", weight.shape,
                              "; one that is not drawn may have any shape"));
    names.push_back(weight.name);
  }
  const Index unit = count(2) - count(1);
  if (unit <= 0 || count(3) != count(1) + 2 * unit || count(8) != count(1) + 7 * unit)
    faults.push_back(concat("the weights must be fixed or grow linearly with the width, got ", count(1), ", ", count(2),
                            ", ", count(3), " and ", count(8), " for widths 1, 2, 3 and 8"));
}

template <Init I> void check_variance(const I& init, Faults& faults) {
  for (const init::Matrix& m : {init::Matrix{1, 1, 1, 1}, init::Matrix{12, 3, 12, 2}, init::Matrix{3, 12, 12, 2},
                                init::Matrix{8192, 1, 8192, 80}}) {
    const double variance = init.variance(m);
    if (!(variance > 0) || !std::isfinite(variance) || variance > 1e3)
      faults.push_back(concat("the variance of a matrix ", m.outputs, " x ", m.inputs,
                              " must be positive and finite (at most 1000), got ", variance));
  }
}

}  // namespace detail

/// All faults of a Gate, Body, Penalty or Init, one sentence each; empty if there are none. `policy` carries options.
template <class P> Faults check_policy(const P& policy = {}) {
  static_assert(Gate<P> || Body<P> || Penalty<P> || Init<P>,
                "neutra: this is no Gate, Body, Penalty or Init; static_assert(neutra::check_gate<P>()), or "
                "check_body, check_penalty, check_init, says what it lacks");
  Faults faults;
  // He, because its logits are large enough to open some tokens of most gates at the start
  AnyResidue<float> residue{
      .gate = gate::Relu{}, .body = body::GatedUnit{}, .penalty = penalty::L1{}, .init = init::He{}, .width = 5};
  detail::check_name<P>(faults);
  if constexpr (Gate<P>) {
    detail::check_gate_function(policy, faults);
    residue.gate = policy;
  } else if constexpr (Penalty<P>) {
    detail::check_penalty_function(policy, faults);
    residue.penalty = policy;
  } else if constexpr (Body<P>) {
    detail::check_weights(policy, faults);
    if (faults.empty()) detail::check_body_function(policy, faults);
    residue.body = policy;
  } else {
    detail::check_variance(policy, faults);
    residue.init = policy;
  }
  if (!faults.empty()) return faults;  // training would only show the same faults again
  detail::check_skipping(residue, faults);
  detail::check_training(residue, faults);
  return faults;
}

}}}  // namespace neutra::NEUTRA_ABI::testing
