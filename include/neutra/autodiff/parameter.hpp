/// Weights: those that train, and those that never change.
#pragma once

#include "neutra/backend/backend.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace neutra::inline NEUTRA_ABI {

/// A trainable tensor with its gradient and the two moments of the optimizer.
/// `has_gradient` says whether `gradient` holds anything yet: the first contribution of a step overwrites, later ones (micro-batches included) add.
template <Scalar S, Backend D> struct Parameter {
  std::string name;
  Tensor<S, D> value, gradient, mean, variance;
  bool has_gradient = false;

  Parameter(std::string called, Tensor<S, D> start)
      : name(std::move(called)), value(std::move(start)), gradient(value.shape()), mean(value.shape()), variance(value.shape()) {}
};

/// The rows of a long weight, such as a head, in parts of at most 1024, near equal: what is computed with one part is still in a cache for the next
/// product.
struct Parts {
  Index rows;

  Index count() const { return std::max<Index>(1, (rows + 1023) / 1024); }
  Index begin(Index part) const { return rows * part / count(); }
  Index largest() const { return (rows + count() - 1) / count(); }
  template <class S> View<const S> of(View<const S> weight, Index part) const { return weight.slice(begin(part), begin(part + 1) - begin(part)); }
};

/// A weight that never changes: row-major as loaded, and packed for products when one first needs it. Its rows go then, if the packed form holds the
/// same numbers (bf16 does where it rounds none of them) and nobody has asked for them by value().
/// Not to be used from two threads at once before its first products, and the first value() where there is one, are done.
template <Scalar S, Backend D> class Frozen {
 public:
  using Packed = typename D::template Packed<S>;
  Frozen(std::string called, Tensor<S, D> weight) : name(std::move(called)), shape_(weight.shape()), rows_(std::move(weight)) {}

  std::string name;
  const Shape& shape() const { return shape_; }

  /// Row-major; the rows stay from now on.
  const Tensor<S, D>& value() const {
    if (stay_) return rows_;
    if (gone_) rows_ = copy();
    gone_.reset();
    stay_ = true;
    return rows_;
  }
  /// The rows, until the next product; null where they are gone.
  const Tensor<S, D>* rows() const { return gone_ ? nullptr : &rows_; }
  /// A copy of the rows, wherever their numbers are held.
  Tensor<S, D> copy() const {
    if (!gone_) return rows_.clone();
    Tensor<S, D> again(shape_);
    slot(*gone_)->unpack(gone_->transposed, again.view());
    return again;
  }

  /// The weight (or its transpose) as right-hand side of a product, its numbers rounded to bf16 or as they are. Error: no matrix.
  const Packed& packed(bool transposed, bool bf16) const {
    const Form form{transposed, bf16};
    auto& made = slot(form);
    if (made) return *made;
    require(shape_.rank() == 2, "Frozen: only a matrix is packed for products, got ", name, " of shape ", shape_);
    if (gone_) return made.emplace(Operand<S>{copy().view(), transposed, bf16});
    const Operand<S> weight{rows_.view(), transposed, bf16};
    made.emplace(weight);
    if (stay_ || !made->holds(weight)) return *made;
    gone_ = form;
    rows_ = {};
    return *made;
  }
  /// The same of one of its Parts; the rows stay.
  const Packed& packed_part(Index part, bool transposed, bool bf16) const {
    auto& parts = packed_parts_[bf16][transposed];
    const Parts cut{shape_.rows()};
    parts.resize(static_cast<std::size_t>(cut.count()));
    auto& made = parts[static_cast<std::size_t>(part)];
    if (!made) made.emplace(Operand<S>{cut.of<S>(value().view(), part), transposed, bf16});
    return *made;
  }
  /// Whether all its Parts are packed, for products with its transpose.
  bool in_parts(bool bf16) const {
    const auto& parts = packed_parts_[bf16][true];
    return !parts.empty() && std::all_of(parts.begin(), parts.end(), [](const auto& part) { return part.has_value(); });
  }

 private:
  struct Form {
    bool transposed, bf16;
  };
  std::optional<Packed>& slot(Form form) const { return packed_[form.bf16][form.transposed]; }

  Shape shape_;
  mutable Tensor<S, D> rows_;
  mutable std::optional<Form> gone_;  // the rows are gone; this form holds their numbers
  mutable bool stay_ = false;
  mutable std::optional<Packed> packed_[2][2];
  mutable std::vector<std::optional<Packed>> packed_parts_[2][2];
};

}  // namespace neutra::inline NEUTRA_ABI
