/// Weights: those that train, and those that never change.
#pragma once

#include "neutra/autodiff/life.hpp"
#include "neutra/backend/backend.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// A trainable tensor with its gradient and the two moments of the optimizer.
/// `has_gradient` says whether `gradient` holds anything yet: the first contribution of a step overwrites, later ones
/// (micro-batches included) add.
template <Scalar S, Backend D> struct Parameter {
  std::string name;
  Tensor<S, D> value, gradient, mean, variance;
  bool has_gradient = false;
  Life life{};

  Parameter(std::string called, Tensor<S, D> start)
      : name(std::move(called)),
        value(std::move(start)),
        gradient(value.shape()),
        mean(value.shape()),
        variance(value.shape()) {}
};

/// The rows of a long weight, such as a head, in parts of at most 1024, near equal: what is computed with one part is
/// still in a cache for the next product.
struct Parts {
  Index rows;

  Index count() const { return std::max<Index>(1, (rows + 1023) / 1024); }
  Index begin(Index part) const { return rows * part / count(); }
  Index largest() const { return (rows + count() - 1) / count(); }
  template <class S> View<const S> of(View<const S> weight, Index part) const {
    return weight.slice(begin(part), begin(part + 1) - begin(part));
  }
};

/// A weight that never changes: row-major as loaded, and packed for products when one first needs it. Its rows go then,
/// if the packed form holds the same numbers (rounded ones where none of them changes) and nobody has asked for them by
/// value(). Not to be used from two threads at once before every form has been used once.
template <Scalar S, Backend D> class Frozen {
 public:
  using Packed = typename D::template Packed<S>;
  Frozen(std::string called, Tensor<S, D> weight)
      : name(std::move(called)), shape_(weight.shape()), rows_(std::move(weight)) {}

  std::string name;
  Life life{};
  const Shape& shape() const { return shape_; }

  /// Row-major; the rows stay from now on.
  const Tensor<S, D>& value() const {
    if (stay_) return rows_;
    if (held_in_) rows_ = copy();
    held_in_.reset();
    stay_ = true;
    return rows_;
  }
  /// The rows, until the next product; null where they are gone.
  const Tensor<S, D>* rows() const { return held_in_ ? nullptr : &rows_; }
  /// A copy of the rows, wherever their numbers are held.
  Tensor<S, D> copy() const {
    if (!held_in_) return rows_.clone();
    Tensor<S, D> again(shape_);
    packed_[place(held_in_->precision)][held_in_->transposed]->unpack(again.view());
    return again;
  }

  /// The weight (or its transpose) as right-hand side of a product, its numbers rounded to `precision`. Error: no
  /// matrix.
  const Packed& packed(bool transposed, DType precision) const {
    auto& made = packed_[place(precision)][transposed];
    if (!made) {
      require(shape_.rank() == 2, "Frozen: only a matrix is packed for products, got ", name, " of shape ", shape_);
      read([&](View<const S> rows) { made.emplace(Operand<S>(rows, transposed, precision)); });
      if (!stay_ && !held_in_ && made->exact()) {
        held_in_ = {transposed, precision};
        rows_ = {};
      }
    }
    return *made;
  }

  /// The same of its Parts, in place of the whole; the rows stay.
  const std::vector<Packed>& parts(bool transposed, DType precision) const {
    auto& made = parts_[place(precision)][transposed];
    if (made.empty()) {
      const Parts cut{shape_.rows()};
      std::vector<Packed> all;
      for (Index part = 0; part < cut.count(); ++part)
        all.emplace_back(Operand<S>(cut.of<S>(value().view(), part), transposed, precision));
      made = std::move(all);
      packed_[place(precision)][transposed].reset();
    }
    return made;
  }
  bool in_parts(bool transposed, DType precision) const { return !parts_[place(precision)][transposed].empty(); }

 private:
  struct Form {
    bool transposed;
    DType precision;
  };
  static std::size_t place(DType precision) { return precision == dtype_of<S> ? 0 : 1; }
  template <class F> void read(const F& f) const {
    if (!held_in_) return f(rows_.view());
    const Tensor<S, D> again = copy();
    f(again.view());
  }

  Shape shape_;
  mutable Tensor<S, D> rows_;
  mutable std::optional<Form> held_in_;  // the packed form that holds the numbers, where the rows are gone
  mutable bool stay_ = false;
  mutable std::optional<Packed> packed_[2][2];
  mutable std::vector<Packed> parts_[2][2];
};

}}  // namespace neutra::NEUTRA_ABI
