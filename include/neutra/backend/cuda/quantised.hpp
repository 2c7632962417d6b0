/// Quantised weights, dequantised in tiles of rows while they are multiplied; never whole in memory.
///
/// The integers are stored row-major, 32 inputs a block: a byte each, or two to a byte, the first in the lower half.
/// Scales are stored apart, (O, blocks).
#pragma once

#include "neutra/backend/cuda/product.hpp"
#include "neutra/core/quantisation.hpp"

#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {

/// to[n, i] = d q for the rows of a tile      bits: of q, 4 or 8
template <Scalar S, class T> struct Dequantise {
  const std::uint8_t* integers;
  const f16* scales;
  Index first, blocks;
  int bits;
  View<T> to;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const std::uint8_t* const q = integers + (first + n) * blocks * block_inputs * bits / 8;
    const f16* const d = scales + (first + n) * blocks;
    row.each(to.cols(), [&](auto c) {
      const Index i = c.i;
      const int number =
          bits == 8 ? static_cast<std::int8_t>(q[i]) : static_cast<std::int8_t>((q[i / 2] >> (i % 2 * 4)) << 4) >> 4;
      c.store(to.row(n), static_cast<S>(static_cast<float>(d[i / block_inputs]) * static_cast<float>(number)));
    });
  }
};

/// A weight W (O,I), quantised. Const after construction.
template <Scalar S> class Quantised {
  /// The numbers of a tile: 8 MiB in bf16, which stay in the second-level cache between writing and multiplying.
  static constexpr Index tile = Index{1} << 22;

 public:
  /// Quantised on the host, row by row, so that every backend holds the same integers. Error: as quantise().
  Quantised(View<const S> weight, Quantisation format)
      : shape_(weight.shape), blocks_(parts_of(weight.cols(), block_inputs)) {
    format.visit([&]<class Q>() {
      bits_ = Q::bits;
      std::vector<std::uint8_t> integers(static_cast<std::size_t>(shape_.rows() * row_bytes()));
      std::vector<f16> scales(static_cast<std::size_t>(shape_.rows() * blocks_));
      std::vector<S> row(static_cast<std::size_t>(shape_.cols()));
      for (Index o = 0; o < shape_.rows(); ++o) {
        Memory::download<S>(weight.row(o), row);
        for (Index block = 0; block < blocks_; ++block)
          scales[static_cast<std::size_t>(o * blocks_ + block)] =
              write<Q>(row.data() + block * block_inputs, std::min(block_inputs, shape_.cols() - block * block_inputs),
                       integers.data() + o * row_bytes() + block * block_inputs * bits_ / 8);
      }
      integers_ = Tensor<std::uint8_t, Memory>(Shape{shape_.rows(), row_bytes()});
      scales_ = Tensor<f16, Memory>(Shape{shape_.rows(), blocks_});
      Memory::upload<std::uint8_t>(integers, integers_.data());
      Memory::upload<f16>(scales, scales_.data());
    });
  }

  const Shape& shape() const { return shape_; }
  Index bytes() const { return integers_.size() + scales_.size() * Index{sizeof(f16)}; }
  /// The dequantised weight, row-major.
  void unpack(View<S> into, Index first = 0) const {
    require(into.cols() == shape_.cols() && first >= 0 && first + into.rows() <= shape_.rows(),
            "Quantised::unpack: rows ", first, " on of ", shape_, " do not fit in ", into.shape);
    dequantise<S>(into, first);
  }
  /// The rows that are dequantised at a time.
  Index tile_rows() const { return std::max(Index{1}, tile / std::max(Index{1}, shape_.cols())); }
  /// Rows first .. first + count - 1 in a buffer, rounded to `precision`, as an operand of products.
  Operand<S> rows(Index first, Index count, DType precision) const {
    return with_dtype<S>(precision, [&]<class T>() {
      const View<T> to(buffer<T>(Buffer::weights, std::min(tile_rows(), shape_.rows()) * shape_.cols()),
                       Shape{count, shape_.cols()});
      dequantise(to, first);
      return Operand<S>(View<const T>(to));
    });
  }

 private:
  Index row_bytes() const { return blocks_ * block_inputs * bits_ / 8; }
  template <class T> void dequantise(View<T> to, Index first) const {
    gpu::rows<S>(to.rows(), 2 * to.cols(),
                 Dequantise<S, T>{integers_.data(), scales_.data(), first, blocks_, bits_, to});
  }
  template <class Q> static f16 write(const S* numbers, Index count, std::uint8_t* to) {
    std::int8_t q[block_inputs] = {};
    const f16 scale = quantise<Q>(numbers, count, q);
    for (Index i = 0; i < block_inputs; ++i)
      if (Q::bits == 8)
        to[i] = static_cast<std::uint8_t>(q[i]);
      else
        to[i / 2] = static_cast<std::uint8_t>(to[i / 2] | (q[i] & 15) << (i % 2 * 4));
    return scale;
  }

  Shape shape_;
  Index blocks_;
  int bits_ = 8;
  Tensor<std::uint8_t, Memory> integers_;
  Tensor<f16, Memory> scales_;
};

/// c = a W^T + addend if `transposed`, else a W + addend, a tile of W after the other. A product with W^T has the
/// outputs of a tile at a time. A product with W adds the tiles up, in S; a result that is rounded is so once.
template <Scalar S>
void product(const Operand<S>& a, const Quantised<S>& w, bool transposed, const Result<S>& c, View<const S> addend) {
  const Index outputs = w.shape().rows(), inputs = w.shape().cols(), step = w.tile_rows();
  detail::check(a, {{}, transposed ? inputs : outputs, transposed ? outputs : inputs, a.precision}, c, addend);
  const auto part = [&](Index first) { return w.rows(first, std::min(step, outputs - first), a.precision); };
  if (transposed) {
    for (Index first = 0; first < outputs; first += step) {
      const Operand<S> rows = part(first);
      product(a, rows.transpose(), c.block(0, a.rows(), first, rows.rows()),
              addend.data ? addend.columns(first, rows.rows()) : addend);
    }
    return;
  }
  if (outputs <= step)
    return product(a, outputs == 0 ? Operand<S>(View<const S>(nullptr, Shape{0, inputs}), false, a.precision) : part(0),
                   c, addend);
  const View<S> sums(buffer<S>(Buffer::quantised_sums, c.view.size()), c.view.shape);
  for (Index first = 0; first < outputs; first += step) {
    const Operand<S> rows = part(first);
    const Operand<S> columns =
        a.transposed ? a.block(first, rows.rows(), 0, a.view.cols()) : a.block(0, a.view.rows(), first, rows.rows());
    product(columns, rows, Result<S>(sums, first > 0), View<const S>{});
  }
  detail::add_and_round(View<const S>(sums), addend, c);
}

}}}  // namespace neutra::NEUTRA_ABI::gpu
