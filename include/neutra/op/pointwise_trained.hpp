/// Elementwise functions with trainable parameters, such as a gate with a temperature.
#pragma once

#include "neutra/op/pointwise.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI {
namespace op {

/// Pointers to K trainable scalars in device memory.
template <Scalar S, std::size_t K> struct TrainedNumbers {
  const S* at[K];

  template <class V> NEUTRA_HD Parameters<V, K> load() const {
    Parameters<V, K> p;
    for (std::size_t k = 0; k < K; ++k) p.values[k] = V(*at[k]);
    return p;
  }
};

/// y = f(x, p)      x, y: (N,C)  p: K scalars      saves: x, y, p
template <Scalar S, PointwiseWithParameters F> struct TrainedForward {
  View<const S> x;
  View<S> y;
  TrainedNumbers<S, parameters_of<F>> p;
  F function;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(x.cols(), [&](auto c) {
      const auto xn = c.load(x.row(n));
      c.store(y.row(n), function.f(xn, p.template load<std::remove_const_t<decltype(xn)>>()));
    });
  }
};

/// dx = df(x, y, p) dy
template <Scalar S, PointwiseWithParameters F> struct TrainedBackward {
  View<const S> x, y, dy;
  Into<S> dx;
  TrainedNumbers<S, parameters_of<F>> p;
  F function;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(x.cols(), [&](auto c) {
      const auto xn = c.load(x.row(n));
      const auto pn = p.template load<std::remove_const_t<decltype(xn)>>();
      c.write(dx, n, function.df(xn, c.load(y.row(n)), pn) * c.load(dy.row(n)));
    });
  }
};

/// parts[k] = dp_k(x, y, p) dy, whose sum is the gradient of p[k]      parts: (K,N,C)
template <Scalar S, PointwiseWithParameters F> struct TrainedGradient {
  static constexpr std::size_t K = parameters_of<F>;
  View<const S> x, y, dy;
  View<S> parts[K];
  TrainedNumbers<S, K> p;
  F function;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(x.cols(), [&](auto c) {
      const auto xn = c.load(x.row(n));
      const auto pn = p.template load<std::remove_const_t<decltype(xn)>>();
      const auto slopes = function.dp(xn, c.load(y.row(n)), pn);
      for (std::size_t k = 0; k < K; ++k) c.store(parts[k].row(n), slopes[k] * c.load(dy.row(n)));
    });
  }
};

/// slope = |df| + sum |dp_k|: zero if a closed token gives no gradient to its logit or to p
template <Scalar S, PointwiseWithParameters F> struct TrainedSlope {
  View<const S> x, y;
  View<S> slope;
  TrainedNumbers<S, parameters_of<F>> p;
  F function;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(x.cols(), [&](auto c) {
      const auto xn = c.load(x.row(n)), yn = c.load(y.row(n));
      const auto pn = p.template load<std::remove_const_t<decltype(xn)>>();
      auto all = math::abs(function.df(xn, yn, pn));
      const auto slopes = function.dp(xn, yn, pn);
      for (std::size_t k = 0; k < parameters_of<F>; ++k) all = all + math::abs(slopes[k]);
      c.store(slope.row(n), all);
    });
  }
};

/// Pointers to the first K of w. Error: fewer than K weights, or one with several elements.
template <class F, Scalar S, Backend D>
TrainedNumbers<S, parameters_of<F>> trained_numbers(std::span<const Var<S, D>> w) {
  constexpr std::size_t K = parameters_of<F>;
  require(w.size() >= K, "pointwise_trained: the function takes ", K, " parameters, got ", w.size(), " weights");
  TrainedNumbers<S, K> p;
  for (std::size_t k = 0; k < K; ++k) {
    require(w[k].shape().size() == 1, "pointwise_trained: weight ", k, " must have one element, its shape is ",
            w[k].shape());
    p.at[k] = w[k].value().data;
  }
  return p;
}

}  // namespace op

/// y = function.f(x, p), element by element. p: the first K of w, one element each.      x, y: (N,C)
template <PointwiseWithParameters F, Scalar S, Backend D>
Var<S, D> pointwise_trained(Var<S, D> x, const F& function, std::type_identity_t<std::span<const Var<S, D>>> w) {
  static_assert(check_pointwise<F>());
  constexpr std::size_t K = parameters_of<F>;
  auto& tape = x.tape();
  const auto y = tape.make(x.shape(), tape.capacity(x));
  const View<const S> from = op::lengthwise(x.value());
  const auto run = [](View<const S> at, const auto& kernel) {
    op::elementwise<S, D>(at, op::transcendental_cost, kernel);
  };
  run(from, op::TrainedForward<S, F>{from, op::lengthwise(tape.out(y)), op::trained_numbers<F>(w), function});
  std::array<Var<S, D>, K> p;
  std::copy_n(w.begin(), K, p.begin());
  const auto backward = [=](Tape<S, D>& t) {
    const auto numbers = op::trained_numbers<F>(std::span<const Var<S, D>>(p));
    const View<const S> xs = op::lengthwise(x.value()), ys = op::lengthwise(y.value()),
                        dy = op::lengthwise(t.gradient(y));
    if (Into<S> dx = t.into(x)) {
      dx.view = op::lengthwise(dx.view);
      run(xs, op::TrainedBackward<S, F>{xs, ys, dy, dx, numbers, function});
    }
    if (std::none_of(p.begin(), p.end(), [](const Var<S, D>& each) { return each.needs_gradient(); })) return;
    op::TrainedGradient<S, F> gradient{xs, ys, dy, {}, numbers, function};
    for (auto& part : gradient.parts) part = {t.template memory<S>(xs.size()), xs.shape};
    run(xs, gradient);
    for (std::size_t k = 0; k < K; ++k)
      if (const auto dp = t.into(p[k])) D::template sum<S>(gradient.parts[k], S(1), dp);
  };
  [&]<std::size_t... k>(std::index_sequence<k...>) { tape.record(y, {x, p[k]...}, {x, y, p[k]...}, backward); }
  (std::make_index_sequence<K>());
  return y;
}

}}  // namespace neutra::NEUTRA_ABI
