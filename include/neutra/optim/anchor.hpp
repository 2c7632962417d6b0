/// A quadratic penalty on the distance of a parameter from its start values.
#pragma once

#include "neutra/optim/start_values.hpp"

#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace optim {

/// gradient += weight * importance * (value - start)      all: (N,C); without an importance, 1
template <Scalar S> struct AddPull {
  View<const S> value, start, importance;
  View<S> gradient;
  S weight;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const S *w = value.row(n), *w0 = start.row(n);
    S* g = gradient.row(n);
    if (importance.data)
      row.each(value.cols(),
               [&](auto c) { c.store(g, c.load(g) + (c.load(w) - c.load(w0)) * c.load(importance.row(n)) * weight); });
    else
      row.each(value.cols(), [&](auto c) { c.store(g, c.load(g) + (c.load(w) - c.load(w0)) * weight); });
  }
};

/// The penalty  weight / 2 * sum of importance * (w - w0)^2  on a parameter w with the start values w0. Its gradient is
/// added to that of the step directly, since it depends on no token.
template <Scalar S, Backend D> class Anchor {
 public:
  /// importance: of the shape of the parameter; empty: 1 for every element.      Error: another shape.
  explicit Anchor(StartedFrom<S, D> weight, Tensor<S, D> importance = {})
      : weight_(std::move(weight)), importance_(std::move(importance)) {
    const Shape& shape = weight_.parameter().value.shape();
    require(importance_.empty() || importance_.shape() == shape, "anchor: the importance of ", weight_.parameter().name,
            " must be ", shape, ", got ", importance_.shape());
  }

  /// Called once all losses of the step are in the gradient. Error: the parameter has no gradient from this step.
  void add_gradient(double weight) {
    Parameter<S, D>& parameter = weight_.parameter();
    require(parameter.has_gradient, "anchor: ", parameter.name, " got no gradient in this step; call backward() first");
    const View<const S> value = parameter.value.view();
    const View<const S> importance = importance_.empty() ? View<const S>() : importance_.view();
    D::template rows<S>(
        value.rows(), 3 * value.cols(),
        AddPull<S>{value, weight_.start(), importance, parameter.gradient.view(), static_cast<S>(weight)});
  }

 private:
  StartedFrom<S, D> weight_;
  Tensor<S, D> importance_;
};

}}}  // namespace neutra::NEUTRA_ABI::optim
