/// Columns of a trained matrix that keep their start values.
#pragma once

#include "neutra/core/math.hpp"
#include "neutra/optim/start_values.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace optim {

/// x[n,c] = other[n,c] where trained[c] = 0; without `other`, 0      x, other: (N,C)  trained: (C)
template <Scalar S> struct ReplaceColumns {
  View<S> x;
  View<const S> other;
  const S* trained;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    S* to = x.row(n);
    const S* from = other.data ? other.row(n) : nullptr;
    row.each(x.cols(), [&](auto c) {
      using V = decltype(c.load(to));
      c.store(to, math::select(c.load(trained) > V(0), c.load(to), from ? c.load(from) : V(0)));
    });
  }
};

/// The columns of a parameter that are not trained. Clipping sees no gradient of them, and neither an update nor weight
/// decay moves them.
template <Scalar S, Backend D> class FrozenColumns {
 public:
  /// trained: 1 for each column that is trained, else 0.      Error: not one number per column of a matrix.
  FrozenColumns(StartedFrom<S, D> weight, std::span<const S> trained)
      : weight_(std::move(weight)), trained_(Shape{static_cast<Index>(trained.size())}) {
    const Shape& shape = weight_.parameter().value.shape();
    require(shape.rank() == 2 && shape.cols() == trained_.size(), "frozen columns: ", weight_.parameter().name, " is ",
            shape, "; one number per column is needed, got ", trained_.size());
    frozen_ = shape.rows() * static_cast<Index>(std::count(trained.begin(), trained.end(), S(0)));
    D::template upload<S>(trained, trained_.data());
  }

  /// The number of elements in frozen columns.
  Index size() const { return frozen_; }
  /// Called once the gradient of the step is complete.
  void clear_gradient() { replace(weight_.parameter().gradient, {}); }
  /// Called after the update.
  void restore() { replace(weight_.parameter().value, weight_.start()); }

 private:
  void replace(Tensor<S, D>& x, View<const S> other) {
    const View<S> all = x.view();
    D::template rows<S>(all.rows(), 2 * all.cols(), ReplaceColumns<S>{all, other, trained_.data()});
  }

  StartedFrom<S, D> weight_;
  Tensor<S, D> trained_;
  Index frozen_ = 0;
};

}}}  // namespace neutra::NEUTRA_ABI::optim
