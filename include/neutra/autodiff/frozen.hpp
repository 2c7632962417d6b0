/// Weights that never change.
#pragma once

#include "neutra/autodiff/life.hpp"
#include "neutra/backend/backend.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

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

/// How a weight W is packed for products, and whether its row-major copy stays beside the packed forms.
struct Forms {
  bool forward = false;   // for x W^T
  bool backward = false;  // for dy W
  bool in_parts = false;  // both in Parts rather than whole; the row-major copy stays
  bool rows = false;      // the row-major copy stays, for ops that read rows
};

/// A weight that never changes: row-major, or packed when it is made. Once packed losslessly (numbers of S; rounded
/// ones where none of them changes) the row-major copy is freed, unless it is asked for. Const from then on, and safe
/// to share between threads.
template <Scalar S, Backend D> class Frozen {
 public:
  using Packed = typename D::template Packed<S>;

  /// Packed for matmul inputs of `precision`. Error: forms of what is no matrix.
  Frozen(std::string called, Tensor<S, D> weight, const Forms& forms = {}, DType precision = dtype_of<S>)
      : name(std::move(called)), shape_(weight.shape()), precision_(precision), rows_(std::move(weight)) {
    require(!(forms.forward || forms.backward) || shape_.rank() == 2,
            "Frozen: only a matrix is packed for products, got ", name, " of shape ", shape_);
    if (forms.forward) pack(true, forms.in_parts);
    if (forms.backward) pack(false, forms.in_parts);
    if (!forms.rows && !forms.in_parts && lossless()) rows_ = {};
  }

  std::string name;
  Life life{};
  const Shape& shape() const { return shape_; }
  /// What matmul inputs are rounded to in the products it is packed for.
  DType precision() const { return precision_; }

  /// The row-major copy; null once it is freed.
  const Tensor<S, D>* rows() const { return rows_.empty() && shape_.size() > 0 ? nullptr : &rows_; }
  /// The same. Error: it is freed.
  const Tensor<S, D>& value() const {
    require(rows(), "Frozen: the row-major copy of ", name,
            " was freed when it was packed; ask for it in Forms::rows, ", "or take a copy()");
    return rows_;
  }
  /// A new row-major copy, wherever the numbers are held.
  Tensor<S, D> copy() const {
    if (rows()) return rows_.clone();
    Tensor<S, D> again(shape_);
    unpack(again.view());
    return again;
  }
  /// The numbers into `into`, where the row-major copy is freed.
  void unpack(View<S> into) const { (packed_[true] ? packed_[true] : packed_[false])->unpack(into); }

  /// W (or W^T) as right-hand side of products in `precision`; null where it is not packed for them, or in parts.
  const Packed* packed(bool transposed, DType precision) const {
    return packed_[transposed] && precision == precision_ ? &*packed_[transposed] : nullptr;
  }
  /// The same of its Parts, one after another; empty where they are not packed.
  std::span<const Packed> parts(bool transposed, DType precision) const {
    return precision == precision_ ? std::span<const Packed>(parts_[transposed]) : std::span<const Packed>();
  }

 private:
  void pack(bool transposed, bool in_parts) {
    if (!in_parts) return void(packed_[transposed].emplace(Operand<S>(rows_.view(), transposed, precision_)));
    const Parts cut{shape_.rows()};
    for (Index part = 0; part < cut.count(); ++part)
      parts_[transposed].emplace_back(Operand<S>(cut.of<S>(rows_.view(), part), transposed, precision_));
  }
  bool lossless() const {
    return std::any_of(packed_.begin(), packed_.end(), [](const auto& packed) { return packed && packed->exact(); });
  }

  Shape shape_;
  DType precision_;
  Tensor<S, D> rows_;
  std::array<std::optional<Packed>, 2> packed_;  // by whether it is transposed
  std::array<std::vector<Packed>, 2> parts_;
};

}}  // namespace neutra::NEUTRA_ABI
