/// Checks of gates, penalties and bodies as functions: derivatives against central differences, SIMD against scalar,
/// finite everywhere.
#pragma once

#include "neutra/backend/device.hpp"
#include "neutra/body/family.hpp"
#include "neutra/gate/any.hpp"
#include "neutra/op/add.hpp"
#include "neutra/op/sparse_rows.hpp"
#include "neutra/penalty/activations.hpp"
#include "neutra/testing/check_gradient.hpp"

#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace testing {

/// Faults, one sentence each.
using Faults = std::vector<std::string>;

namespace detail {

/// A function of a few tensors whose value and gradients both backends compute.
/// f(tape, vars) is called as in gradient_error, and must be generic in scalar and backend.
template <Scalar S, Backend D, class F>
std::vector<double> value_and_gradients(const std::vector<Tensor<double>>& inputs, const F& f) {
  std::vector<Parameter<S, D>> parameters;
  for (const auto& input : inputs) parameters.emplace_back("input", on_device<S, D>(input));
  Tape<S, D> tape;
  tape.start();
  std::vector<Var<S, D>> vars;
  for (auto& parameter : parameters) vars.push_back(tape.leaf(parameter));
  const auto y = f(tape, vars);
  const auto value = from_device<D>(y.value());
  std::vector<double> all(value.begin(), value.end());
  const auto weights = random_tensor<S, D>(y.shape(), "projection");
  tape.backward(weighted_sum(y, weights));
  for (const auto& parameter : parameters) {
    const auto gradient = from_device(parameter.gradient);
    all.insert(all.end(), gradient.begin(), gradient.end());
  }
  return all;
}

/// The largest |a - b| / max(1, |b|); infinity if an element is not finite.
inline double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]) / std::max(1.0, std::abs(b[i]));
    most = std::isfinite(difference) ? std::max(most, difference) : std::numeric_limits<double>::infinity();
  }
  return most;
}

/// SIMD and scalar code must agree in float and in double, and be finite. `what` names the inputs in a fault.
template <class F>
void check_simd(const std::vector<Tensor<double>>& inputs, const F& f, std::string_view what, Faults& faults) {
  const double fine = largest_difference(value_and_gradients<double, DefaultDevice>(inputs, f),
                                         value_and_gradients<double, ReferenceDevice>(inputs, f));
  const double coarse = largest_difference(value_and_gradients<float, DefaultDevice>(inputs, f),
                                           value_and_gradients<float, ReferenceDevice>(inputs, f));
  if (!(fine < 1e-13))
    faults.push_back(
        concat("value or derivative is not finite, or SIMD and scalar differ by ", fine, " in double ", what));
  if (!(coarse < 1e-4))
    faults.push_back(
        concat("value or derivative is not finite, or SIMD and scalar differ by ", coarse, " in float ", what));
}

/// Derivatives against central differences in double, on one backend.
template <Backend D, class F> double slope_error(const std::vector<Tensor<double>>& inputs, const F& f) {
  std::vector<Tensor<double, D>> copies;
  for (const auto& input : inputs) copies.push_back(on_device<double, D>(input));
  return gradient_error<D>(copies, f);
}

template <class F> void check_slopes(const std::vector<Tensor<double>>& inputs, const F& f, Faults& faults) {
  const double simd = slope_error<DefaultDevice>(inputs, f), scalar = slope_error<ReferenceDevice>(inputs, f);
  if (!(simd < 1e-7))
    faults.push_back(
        concat("the derivative differs from central differences by ", simd, " (relative, by norm) through SIMD"));
  if (!(scalar < 1e-7))
    faults.push_back(
        concat("the derivative differs from central differences by ", scalar, " (relative, by norm) through scalars"));
}

/// The tensors as a vector of inputs.
template <class... T> std::vector<Tensor<double>> inputs(T&&... tensors) {
  std::vector<Tensor<double>> all;
  (all.push_back(std::forward<T>(tensors)), ...);
  return all;
}

/// Logits over the whole range, including 0; 97 of them, so that SIMD has a tail.
inline Tensor<double> all_logits() {
  Tensor<double> all({1, 97});
  const double ends[] = {-1e4, -88.7, -20, 0, 20, 88.7, 1e4};
  for (Index i = 0; i < all.size(); ++i)
    all.data()[i] =
        i < 7 ? ends[i] : static_cast<double>(static_cast<float>(-6.13 + 0.1357 * static_cast<double>(i - 7)));
  return all;
}

/// Values for weights: their start values, and random ones for weights that start at zero or are drawn.
inline void append_weights(std::vector<Tensor<double>>& all, const std::vector<Weight>& weights) {
  for (const Weight& weight : weights) {
    all.push_back(random_tensor<double>(weight.shape, weight.name, 0.4));
    if (const double start = weight.start.value(); start != 0) std::fill_n(all.back().data(), all.back().size(), start);
  }
}

/// The gate of the logits v[0]; its parameters follow in v.
template <Gate G, Scalar S, Backend D> Var<S, D> gate_of(const G& gate, const std::vector<Var<S, D>>& v) {
  return gate::value(gate, v[0], std::span<const Var<S, D>>(v).subspan(1));
}

template <Gate G> std::vector<Tensor<double>> gate_inputs(const G& gate, Tensor<double> logits) {
  auto all = inputs(std::move(logits));
  auto parameters = gate::weights(gate, 12);
  parameters.resize(parameters_of<gate::Function<G>>);
  append_weights(all, parameters);
  return all;
}

/// Whether the gate is 0 at each of the logits from -20 up, by one scalar and backend. Below -20, exp underflows to 0
/// for gates that are not exactly 0.
template <Scalar S, Backend D, Gate G> std::vector<bool> closed(const G& gate) {
  const auto logits = all_logits();
  const auto values =
      value_and_gradients<S, D>(gate_inputs(gate, logits.clone()), [&](auto&, auto& v) { return gate_of(gate, v); });
  std::vector<bool> zero;
  for (Index i = 2; i < logits.size(); ++i) zero.push_back(values[static_cast<std::size_t>(i)] == 0);
  return zero;
}

/// Checks the path from x to the gate, with all weights, for two sequences of five tokens.
template <Gate G> void check_gate_path(const G& gate, Faults& faults) {
  auto all = inputs(random_tensor<double>({10, 12}, "x"));
  const auto logit_weights = gate::logit_weights(gate, 12);
  append_weights(all, logit_weights);
  append_weights(all, gate::weights(gate, 12));
  const auto f = [&]<Scalar S, Backend D>(Tape<S, D>&, std::vector<Var<S, D>>& v) {
    const auto w = std::span<const Var<S, D>>(v).subspan(1);
    return gate::value(gate, gate::logit(gate, v[0], w, {2, 5}), w.subspan(logit_weights.size()));
  };
  check_slopes(all, f, faults);
  check_simd(all, f, "for normal x and weights", faults);
}

template <Gate G> void check_gate_function(const G& gate, Faults& faults) {
  const auto weights = gate::weights(gate, 12);
  for (std::size_t k = 0; k < parameters_of<gate::Function<G>>; ++k)
    if (k >= weights.size() || weights[k].shape.size() != 1)
      return faults.push_back(concat("f takes ", parameters_of<gate::Function<G>>,
                                     " parameters; the first weights must be as many, of one number each"));
  const auto f = [&](auto&, auto& v) { return gate_of(gate, v); };
  Tensor<double> middle({1, 90});  // away from likely kinks
  std::copy_n(all_logits().data() + 7, 90, middle.data());
  check_slopes(gate_inputs(gate, std::move(middle)), f, faults);
  check_simd(gate_inputs(gate, all_logits()), f, "for logits from -1e4 to 1e4", faults);
  if (!gate::traits(gate).open) check_gate_path(gate, faults);
  if (!gate::traits(gate).exact_zero) return;
  const auto zero = closed<float, DefaultDevice>(gate);
  if (std::count(zero.begin(), zero.end(), true) == 0)
    faults.push_back("the gate says exact_zero, but at no logit from -20 to 1e4 is it 0");
  if (closed<float, ReferenceDevice>(gate) != zero || closed<double, DefaultDevice>(gate) != zero ||
      closed<double, ReferenceDevice>(gate) != zero)
    faults.push_back("the gate says exact_zero, but float, double, SIMD and scalar are not 0 at the same logits");
}

/// f(n) of each token, in memory of the step.
template <Scalar S, Backend D, class F> S* of_tokens(Tape<S, D>& tape, Index rows, const F& f) {
  std::vector<S> numbers;
  for (Index n = 0; n < rows; ++n) numbers.push_back(S(f(n)));
  S* const there = tape.template memory<S>(rows);
  D::template upload<S>(numbers, there);
  return there;
}

/// Counts every other token; every third is of the target domain.
template <Scalar S, Backend D> Counted<S> some_counted(Tape<S, D>& tape, Index rows) {
  const S* weight = of_tokens(tape, rows, [](Index n) { return n % 2 ? 0 : 1; });
  return {weight, of_tokens(tape, rows, [](Index n) { return n % 3 ? 0 : 1; }), nullptr};
}

/// A value of random numbers.
template <Scalar S, Backend D> Var<S, D> drawn_value(Tape<S, D>& tape, const Shape& shape) {
  const auto y = tape.make(shape);
  const auto drawn = random_tensor<S, Host>(shape, "y");
  D::template upload<S>(std::span<const S>(drawn.data(), static_cast<std::size_t>(drawn.size())), tape.out(y).data);
  return y;
}

/// Value and derivatives for the channel sums of actual rows: r of size `scale` (also 0), y likewise.
template <Scalar S, RowFunction P> bool finite_for_rows(const P& penalty, double r_scale, double y_scale) {
  const S r[] = {S(r_scale), S(-r_scale), S(r_scale) / S(2), S(0), S(r_scale) / S(3)}, y = S(y_scale);
  RowSums<S> sums{0, 0, S(5) * y * y, 5};
  for (const S x : r) {
    sums.absolute += std::abs(x);
    sums.square += x * x;
  }
  const RowSlopes<S> slopes = penalty.df(sums);
  bool finite = std::isfinite(penalty.f(sums));
  for (const S x : r) finite = finite && std::isfinite(math::sign(x) * slopes.absolute + S(2) * slopes.square * x);
  return finite;
}

template <RowFunction P> void check_row_penalty(const P& penalty, Faults& faults) {
  const auto f = [&]<Scalar S, Backend D>(Tape<S, D>& tape, std::vector<Var<S, D>>& v) {
    const auto y = drawn_value(tape, v[0].shape());
    return residue_penalty(penalty, v[0], y, some_counted(tape, v[0].shape().rows()), S(0.7));
  };
  check_slopes(inputs(random_tensor<double>({7, 5}, "r")), f, faults);
  check_simd(inputs(random_tensor<double>({9, 21}, "r")), f, "for normal residues", faults);
  check_simd(inputs(Tensor<double>({3, 21})), f, "for a residue of 0", faults);
  for (const double r : {0.0, 1e-30, 1e-22, 1e-15, 1e-4, 1.0, 1e4, 1e12})
    for (const double y : {0.0, 1e-6, 1.0, 1e12})
      if (!finite_for_rows<float>(penalty, r, y) || !finite_for_rows<double>(penalty, r, y))
        faults.push_back(concat("value or derivative is not finite where the residue's elements are ", r,
                                " and those of what it joins ", y));
}

template <GateFunction P> void check_gate_penalty(const P& penalty, Faults& faults) {
  const auto f = [&]<Scalar S, Backend D>(Tape<S, D>& tape, std::vector<Var<S, D>>& v) {
    return gate_penalty(penalty, v[0], v[1], some_counted(tape, v[0].shape().rows()), S(0.7));
  };
  check_slopes(inputs(random_tensor<double>({7, 5}, "g"), random_tensor<double>({7, 5}, "s", 3)), f, faults);
  check_simd(inputs(all_logits(), all_logits()), f, "for gates and logits from -1e4 to 1e4", faults);
}

/// The gradient of a loss composed of ops with respect to r, to its weights, and to g and s if it reads them.
template <Penalty P> void check_penalty_of_ops(const P& penalty, Faults& faults) {
  const std::size_t values = penalty::reads_gate<P>() ? 3 : 1;
  auto all = inputs(random_tensor<double>({7, 5}, "r"));
  for (const char* name : {"g", "s"})
    if (values > 1) all.push_back(random_tensor<double>({7, 1}, name));
  append_weights(all, penalty::own_weights(penalty, 5));
  const auto f = [&]<Scalar S, Backend D>(Tape<S, D>& tape, std::vector<Var<S, D>>& v) {
    const auto y = drawn_value(tape, {7, 5});
    const S* const target = some_counted(tape, 7).label;
    const S* const original = of_tokens(tape, 7, [](Index n) { return n % 3 ? 1 : 0; });
    penalty::Activations<S, D> e{.r = v[0], .y = y};
    if (values > 1) {
      e.g = v[1];
      e.s = v[2];
    }
    e.domains = {
        .original = {original, 4, S(0.1)}, .target = {target, 3, S(0.2)}, .both = {nullptr, 7, S(0.15)}, .known = true};
    auto loss = penalty::loss(penalty, e, std::span<const Var<S, D>>(v).subspan(values));
    for (std::size_t i = 0; i < values; ++i)  // a gradient for values that it does not read, too
      loss = add(loss, gate_penalty(penalty::detail::Itself{}, v[i], v[i], Counted<S>{}, S(0.01)));
    return loss;
  };
  check_slopes(all, f, faults);
  check_simd(all, f, "for normal residues, gates and weights", faults);
}

template <Penalty P> void check_penalty_function(const P& penalty, Faults& faults) {
  if constexpr (penalty::detail::OfOps<P>) check_penalty_of_ops(penalty, faults);
  if constexpr (RowFunction<P>) check_row_penalty(penalty, faults);
  if constexpr (GateFunction<P>) check_gate_penalty(penalty, faults);
}

/// x (rows, 12) and the weights of width 3. If `started`, weights with a fixed start value have it.
template <Body B> std::vector<Tensor<double>> body_inputs(const B& body, Index rows, bool started) {
  auto all = inputs(random_tensor<double>({rows, 12}, "x"));
  append_weights(all, body.weights(12, 3));
  std::size_t at = 1;
  for (const Weight& weight : body.weights(12, 3)) {
    if (started && !weight.start.drawn()) std::fill_n(all[at].data(), all[at].size(), weight.start.value());
    ++at;
  }
  return all;
}

template <Body B> void check_body_function(const B& body, Faults& faults) {
  const auto f = [&]<Scalar S, Backend D>(Tape<S, D>&, std::vector<Var<S, D>>& v) {
    return body.forward(v[0], std::span<const Var<S, D>>(v).subspan(1));
  };
  const auto rows = [&](Index count, bool started) {
    auto values = value_and_gradients<float, DefaultDevice>(body_inputs(body, count, started), f);
    values.resize(static_cast<std::size_t>(12 * count));
    return values;
  };
  check_slopes(body_inputs(body, 7, false), f, faults);
  check_simd(body_inputs(body, 7, false), f, "for normal x and weights", faults);
  const auto seven = rows(7, false), three = rows(3, false), start = rows(7, true),
             none = value_and_gradients<double, DefaultDevice>(body_inputs(body, 0, false), f);
  if (!std::equal(three.begin(), three.end(), seven.begin()))
    faults.push_back("a row's result depends on other rows; a closed token could not be skipped");
  if (std::any_of(start.begin(), start.end(), [](double x) { return x != 0; }))
    faults.push_back("the body is not 0 at the start; let the matrix that writes its output start at 0.0");
  if (std::any_of(none.begin(), none.end(), [](double x) { return x != 0; }))
    faults.push_back("a batch without open tokens gives the weights a gradient");
}

}  // namespace detail
}}}  // namespace neutra::NEUTRA_ABI::testing
