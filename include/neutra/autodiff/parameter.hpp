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

/// A weight that never changes: row-major as loaded, and packed for products when one of many rows first needs it.
/// Not to be used from two threads at once before its first products are done.
template <Scalar S, Backend D> class Frozen {
 public:
  using Packed = typename D::template Packed<S>;
  Frozen(std::string called, Tensor<S, D> weight) : name(std::move(called)), value(std::move(weight)) {}

  std::string name;
  Tensor<S, D> value;

  /// The weight (or its transpose) as right-hand side of a product, its numbers rounded to bf16 or as they are.
  const Packed& packed(bool transposed, bool bf16) const {
    auto& slot = packed_[bf16][transposed];
    if (!slot) slot.emplace(Operand<S>{value.view(), transposed, bf16});
    return *slot;
  }
  /// The same of one of its Parts.
  const Packed& packed_part(Index part, bool transposed, bool bf16) const {
    auto& parts = packed_parts_[bf16][transposed];
    const Parts cut{value.shape().rows()};
    parts.resize(static_cast<std::size_t>(cut.count()));
    auto& slot = parts[static_cast<std::size_t>(part)];
    if (!slot) slot.emplace(Operand<S>{cut.of<S>(value.view(), part), transposed, bf16});
    return *slot;
  }

 private:
  mutable std::optional<Packed> packed_[2][2];
  mutable std::vector<std::optional<Packed>> packed_parts_[2][2];
};

}  // namespace neutra::inline NEUTRA_ABI
