/// Frozen weights: constants of the model, packed for matmul.
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

/// Splits the rows of a tall weight, such as a head, into near-equal chunks of at most 1024 rows, so that the scores of
/// one chunk are still in cache for the next matmul.
struct RowChunks {
  Index rows;

  Index count() const { return std::max<Index>(1, (rows + 1023) / 1024); }
  Index begin(Index part) const { return rows * part / count(); }
  Index largest() const { return (rows + count() - 1) / count(); }
  template <class S> View<const S> of(View<const S> weight, Index part) const {
    return weight.slice(begin(part), begin(part + 1) - begin(part));
  }
};

/// How a weight W (O,I) is packed for matmul, and whether its row-major copy is retained beside the packed forms.
struct Forms {
  bool forward = false;    // for x W^T
  bool backward = false;   // for dy W
  bool in_chunks = false;  // in row chunks (see RowChunks), replacing the unchunked form; keeps the row-major copy
  bool rows = false;       // keeps the row-major copy, for ops that read rows
  Quantisation format{};   // if one is given: quantised for both products, replacing all of the above
};

/// A frozen weight: row-major, packed or quantised on construction. Packing is lossless if Packed stores elements of S,
/// or if rounding changes none of them; the row-major copy is then freed, unless `forms` retains it. Of a quantised
/// weight only the blocks remain. Const after construction, and safe to share between threads.
template <Scalar S, Backend D> class Frozen {
 public:
  using Packed = typename D::template Packed<S>;
  using Quantised = typename D::template Quantised<S>;

  /// Packs for matmul inputs of `precision`. Error: packing a weight that is not a matrix; as quantise().
  Frozen(std::string called, Tensor<S, D> weight, const Forms& forms = {}, DType precision = dtype_of<S>)
      : name(std::move(called)), shape_(weight.shape()), precision_(precision), rows_(std::move(weight)) {
    require(!(forms.forward || forms.backward || forms.format) || shape_.rank() == 2,
            "Frozen: only a matrix can be packed for matmul, got ", name, " of shape ", shape_);
    if (forms.format) {
      quantised_.emplace(rows_.view(), forms.format);
      rows_ = {};
      return;
    }
    if (forms.forward) pack(true, forms.in_chunks);
    if (forms.backward) pack(false, forms.in_chunks);
    if (!forms.rows && !forms.in_chunks && lossless()) rows_ = {};
  }

  std::string name;
  Life life{};
  const Shape& shape() const { return shape_; }
  /// The matmul input precision of the packed forms.
  DType precision() const { return precision_; }

  /// The row-major copy; null once it is freed.
  const Tensor<S, D>* rows() const { return rows_.empty() && shape_.size() > 0 ? nullptr : &rows_; }
  /// The row-major copy. Error: it was freed.
  const Tensor<S, D>& value() const {
    require(rows(), "Frozen: the row-major copy of ", name,
            " was freed when it was packed; set Forms::rows to keep it, or take a copy()");
    return rows_;
  }
  /// A new row-major copy, unpacked or dequantised if necessary.
  Tensor<S, D> copy() const {
    if (rows()) return rows_.clone();
    Tensor<S, D> again(shape_);
    unpack(again.view());
    return again;
  }
  /// Unpacks into `into`; only for a weight whose row-major copy was freed.
  void unpack(View<S> into) const {
    if (quantised_) return quantised_->unpack(into);
    (packed_[true] ? packed_[true] : packed_[false])->unpack(into);
  }

  /// The quantised weight, for products with W and with W^T in any precision; null if it is not quantised.
  const Quantised* quantised() const { return quantised_ ? &*quantised_ : nullptr; }

  /// W^T if `transposed`, else W, packed as a right operand; null if not packed for this `precision`, or in chunks.
  const Packed* packed(bool transposed, DType precision) const {
    return packed_[transposed] && precision == precision_ ? &*packed_[transposed] : nullptr;
  }
  /// The packed chunks (see RowChunks) in order; empty if the weight is not packed in chunks for this `precision`.
  std::span<const Packed> chunks(bool transposed, DType precision) const {
    return precision == precision_ ? std::span<const Packed>(parts_[transposed]) : std::span<const Packed>();
  }

 private:
  void pack(bool transposed, bool in_chunks) {
    if (!in_chunks) return void(packed_[transposed].emplace(Operand<S>(rows_.view(), transposed, precision_)));
    const RowChunks cut{shape_.rows()};
    for (Index part = 0; part < cut.count(); ++part)
      parts_[transposed].emplace_back(Operand<S>(cut.of<S>(rows_.view(), part), transposed, precision_));
  }
  bool lossless() const {
    return std::any_of(packed_.begin(), packed_.end(), [](const auto& packed) { return packed && packed->exact(); });
  }

  Shape shape_;
  DType precision_;
  Tensor<S, D> rows_;
  std::array<std::optional<Packed>, 2> packed_;  // indexed by `transposed`
  std::array<std::vector<Packed>, 2> parts_;
  std::optional<Quantised> quantised_;
};

}}  // namespace neutra::NEUTRA_ABI
