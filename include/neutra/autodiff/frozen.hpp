/// Frozen weights: constants of the model, packed for matmul.
#pragma once

#include "neutra/autodiff/life.hpp"
#include "neutra/autodiff/row_major.hpp"
#include "neutra/backend/backend.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// Splits the rows of a tall weight, such as a head, into near-equal chunks of at most `most` rows, the loss_words of
/// the device, so that the scores of one chunk are still in cache for the next matmul.
struct RowChunks {
  Index rows, most;

  Index count() const { return std::max<Index>(1, (rows + most - 1) / most); }
  Index begin(Index part) const { return rows * part / count(); }
  Index largest() const { return (rows + count() - 1) / count(); }
  template <class S> View<const S> of(View<const S> weight, Index part) const {
    return weight.slice(begin(part), begin(part + 1) - begin(part));
  }
};

/// How a weight W (O,I) is packed for matmul, and whether its row-major copy is retained beside the packed form.
struct Forms {
  bool packed = false;     // for x W^T and dy W
  bool in_chunks = false;  // in row chunks (see RowChunks), replacing the unchunked form; keeps the row-major copy
  bool rows = false;       // keeps the row-major copy, for ops that read rows
  Quantisation format{};   // if one is given: quantised for both products, replacing all of the above
};

/// A frozen weight: row-major, packed or quantised on construction. Packing is lossless if Packed stores elements of S,
/// if rounding changes none of them, or if they are rounded already; the row-major copy is then freed, unless `forms`
/// retains it. It keeps the type that the weight is stored as. Of a quantised weight only the blocks remain. Const
/// after construction, and safe to share between threads.
template <Scalar S, Backend D> class Frozen {
 public:
  using Packed = typename D::template Packed<S>;
  using Quantised = typename D::template Quantised<S>;

  /// Packs for matmul inputs of `precision`. Error: packing a weight that is not a matrix; as quantise().
  Frozen(std::string called, RowMajor<S, D> weight, const Forms& forms = {}, DType precision = dtype_of<S>)
      : name(std::move(called)), shape_(weight.shape()), precision_(precision), rows_(std::move(weight)) {
    require(!(forms.packed || forms.format) || shape_.rank() == 2,
            "Frozen: only a matrix can be packed for matmul, got ", name, " of shape ", shape_);
    if (forms.format) {
      quantise(forms.format);
      return;
    }
    const bool retained = forms.rows || forms.in_chunks || !forms.packed;
    if (retained) rows_.own();  // before packing, so that a mapped file is not in memory beside all forms
    if (forms.packed) pack(forms.in_chunks);
    if (!retained && packed_->exact()) rows_ = {};
    rows_.own();
  }
  template <StorageOf<S> T>
  Frozen(std::string called, Tensor<T, D> weight, const Forms& forms = {}, DType precision = dtype_of<S>)
      : Frozen(std::move(called), RowMajor<S, D>(std::move(weight)), forms, precision) {}

  std::string name;
  Life life{};
  const Shape& shape() const { return shape_; }
  /// The matmul input precision of the packed form.
  DType precision() const { return precision_; }

  /// The row-major copy, stored as S or rounded; null once it is freed.
  const AnyView<S>* rows() const { return rows_.empty() && shape_.size() > 0 ? nullptr : &rows_.view(); }
  /// The row-major copy. Error: it was freed.
  const AnyView<S>& row_major() const {
    require(rows(), "Frozen: the row-major copy of ", name,
            " was freed when it was packed; set Forms::rows to keep it, or take a copy()");
    return rows_.view();
  }
  /// The elements. Error: the row-major copy was freed, or is rounded.
  View<const S> value() const {
    require(row_major().dtype == dtype_of<S>, "Frozen: ", name, " is stored as ", rows_.view().dtype,
            "; take a copy()");
    return rows_.view().template as<S>();
  }
  /// A new row-major copy of S, unpacked or dequantised if necessary.
  Tensor<S, D> copy() const {
    Tensor<S, D> again(shape_);
    read(again.view());
    return again;
  }
  /// Writes rows first, first + 1, ... as S, as many as `into` has.
  void read(View<S> into, Index first = 0) const {
    if (rows())
      rows_.read(into, first);
    else if (quantised_)
      quantised_->unpack(into, first);
    else
      packed_->unpack(into, first);
  }

  /// The quantised weight, for products with W and with W^T in any precision; null if it is not quantised.
  const Quantised* quantised() const { return quantised_ ? &*quantised_ : nullptr; }
  /// W^T packed as a right operand, for x W^T and, transposed, for dy W; null if not packed for this `precision`, or in
  /// chunks.
  const Packed* packed(DType precision) const { return packed_ && precision == precision_ ? &*packed_ : nullptr; }
  /// The packed chunks (see RowChunks) in order; empty if the weight is not packed in chunks for this `precision`.
  std::span<const Packed> chunks(DType precision) const {
    return precision == precision_ ? std::span<const Packed>(parts_) : std::span<const Packed>();
  }

 private:
  void quantise(const Quantisation& format) {
    if (rows_.view().dtype == dtype_of<S>) {
      quantised_.emplace(rows_.view().template as<S>(), format);
    } else {
      Tensor<S, D> widened(shape_);
      rows_.read(widened.view());
      quantised_.emplace(widened.view(), format);
    }
    rows_ = {};
  }
  void pack(bool in_chunks) {
    if (!in_chunks) return void(packed_.emplace(packed_rows(0, shape_.rows())));
    const RowChunks cut{shape_.rows(), D::loss_words};
    for (Index part = 0; part < cut.count(); ++part)
      parts_.push_back(packed_rows(cut.begin(part), cut.begin(part + 1) - cut.begin(part)));
  }
  Packed packed_rows(Index first, Index count) const {
    const AnyView<S> part = rows_.view().block(first, count, 0, shape_.cols());
    if (part.dtype == dtype_of<S> || part.dtype == precision_) return Packed(Operand<S>(part, precision_).transpose());
    Tensor<S, D> widened({count, shape_.cols()});
    rows_.read(widened.view(), first);
    return Packed(Operand<S>(widened.view(), true, precision_));
  }

  Shape shape_;
  DType precision_;
  RowMajor<S, D> rows_;
  std::optional<Packed> packed_;
  std::vector<Packed> parts_;
  std::optional<Quantised> quantised_;
};

}}  // namespace neutra::NEUTRA_ABI
