/// Quantised weights, dequantised panel by panel while they are multiplied.
///
/// One copy serves products with W^T and with W. It is stored in strips of as many outputs as a vector has lanes, and
/// each strip in blocks of 32 inputs. A block holds vectors of 32-bit words: word j has the integers of output j for 4
/// (or, of 4 bits, 8) neighbouring inputs, the first in the lowest bits. Scales are stored apart, as (blocks, outputs).
#pragma once

#include "neutra/backend/cpu/panels.hpp"
#include "neutra/core/quantisation.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

namespace detail {

/// The vectors of a strip, one element per output.
template <Scalar S> struct Strip {
  static constexpr Index lanes = Tile<S>::lanes;
  static_assert(block_inputs % lanes == 0);
  template <class N> struct Bits { using Type [[gnu::vector_size(lanes * sizeof(N))]] = N; };
  using Numbers = typename Bits<S>::Type;

  /// Half precision widened: exponent and fraction moved to their place in a float, and the bias adjusted by a product,
  /// which is exact for subnormals too.
  static Numbers scales(const f16* from) {
    typename Bits<std::uint16_t>::Type halves;
    std::memcpy(&halves, from, sizeof halves);
    const auto words = __builtin_convertvector(halves, Words);
    const auto magnitudes = std::bit_cast<Floats>((words & 0x7fffu) << 13) * 0x1p112f;
    const auto signs = (words & 0x8000u) << 16;
    return __builtin_convertvector(std::bit_cast<Floats>(std::bit_cast<Words>(magnitudes) | signs), Numbers);
  }
  /// Integer `part` of each of `lanes` words.
  template <class Q> static Numbers integers(const std::uint32_t* from, int part) {
    Integers words;
    std::memcpy(&words, from, sizeof words);
    return __builtin_convertvector(words << (32 - Q::bits * (part + 1)) >> (32 - Q::bits), Numbers);
  }
  /// Finite floats rounded to bf16, to nearest even.
  static Numbers rounded(const Numbers& numbers) {
    const auto words = std::bit_cast<Words>(numbers);
    return std::bit_cast<Numbers>((words + 0x7fffu + ((words >> 16) & 1u)) & 0xffff0000u);
  }

 private:
  using Words = typename Bits<std::uint32_t>::Type;
  using Integers = typename Bits<std::int32_t>::Type;
  using Floats = typename Bits<float>::Type;
};

}  // namespace detail

/// A weight W (O,I), quantised. Const after construction.
template <Scalar S> class Quantised {
  static constexpr Index lanes = Tile<S>::lanes;

 public:
  /// Error: as quantise().
  Quantised(View<const S> weight, Quantisation format)
      : shape_(weight.shape), format_(format), blocks_((shape_.cols() + block_inputs - 1) / block_inputs) {
    const Index strips = (shape_.rows() + lanes - 1) / lanes;
    format.visit([&]<class Q>() {
      words_ = Tensor<std::uint32_t>({strips, blocks_ * Q::bits * lanes});
      scales_ = Tensor<f16>({blocks_, strips * lanes});
      for_each<Schedule::tasks>(threads_for(weight.size(), detail::parallel_copies), strips, [&](Index strip) {
        for (Index block = 0; block < blocks_; ++block) write<Q>(weight, strip, block);
      });
    });
  }

  const Shape& shape() const { return shape_; }
  Quantisation format() const { return format_; }
  Index bytes() const { return words_.size() * Index{sizeof(std::uint32_t)} + scales_.size() * Index{sizeof(f16)}; }
  Index strips() const { return scales_.shape().cols() / lanes; }

  /// The words of a block of a strip, and the scales of its outputs. Q: the format
  template <class Q> const std::uint32_t* words(Index strip, Index block) const {
    return words_.data() + (strip * blocks_ + block) * Q::bits * lanes;
  }
  const f16* scales(Index strip, Index block) const {
    return scales_.data() + block * scales_.shape().cols() + strip * lanes;
  }

  /// out[i * lanes + j] = W(lanes * strip + j, 32 * block + first + i) for i < count
  void read(Index strip, Index block, Index first, Index count, S* out) const {
    format_.visit([&]<class Q>() {
      using Strip = detail::Strip<S>;
      constexpr int per_word = 32 / Q::bits, together = std::min<int>(per_word, lanes);  // divides first and count
      const auto scale = Strip::scales(scales(strip, block));
      for (Index i = 0; i < count; i += together) {
        const std::uint32_t* from = words<Q>(strip, block) + (first + i) / per_word * lanes;
        const int part = static_cast<int>((first + i) % per_word);
#pragma GCC unroll 8
        for (int n = 0; n < together; ++n) {
          const auto numbers = Strip::template integers<Q>(from, part + n) * scale;
          std::memcpy(out + (i + n) * lanes, &numbers, sizeof numbers);
        }
      }
    });
  }

  /// The dequantised weight, row-major.
  void unpack(View<S> into, Index first = 0) const {
    const Index end = first + into.rows();
    require(into.cols() == shape_.cols() && first >= 0 && end <= shape_.rows(), "Quantised::unpack: rows ", first,
            " on of ", shape_, " do not fit in ", into.shape);
    const Index begin = first / lanes, count = (end + lanes - 1) / lanes - begin;
    for_each<Schedule::tasks>(threads_for(into.size(), detail::parallel_copies), count, [&](Index task) {
      const Index strip = begin + task, from = std::max(first, strip * lanes), to = std::min(end, (strip + 1) * lanes);
      for (Index block = 0; block < blocks_; ++block) {
        alignas(64) S numbers[block_inputs * lanes];
        read(strip, block, 0, block_inputs, numbers);
        const Index inputs = std::min(block_inputs, shape_.cols() - block * block_inputs);
        for (Index row = from; row < to; ++row)
          for (Index i = 0; i < inputs; ++i)
            into(row - first, block * block_inputs + i) = numbers[i * lanes + row - strip * lanes];
      }
    });
  }

 private:
  template <class Q> void write(const View<const S>& weight, Index strip, Index block) {
    constexpr int per_word = 32 / Q::bits;
    constexpr std::uint32_t mask = (1u << Q::bits) - 1;
    std::uint32_t all[Q::bits * lanes] = {};
    const Index outputs = std::min(lanes, shape_.rows() - strip * lanes), input = block * block_inputs;
    for (Index j = 0; j < outputs; ++j) {
      const Index output = strip * lanes + j;
      std::int8_t q[block_inputs] = {};
      scales_.data()[block * scales_.shape().cols() + output] =
          quantise<Q>(weight.row(output) + input, std::min(block_inputs, shape_.cols() - input), q);
      for (int i = 0; i < block_inputs; ++i)
        all[i / per_word * lanes + j] |= (static_cast<std::uint32_t>(q[i]) & mask) << Q::bits * (i % per_word);
    }
    std::copy_n(all, Q::bits * lanes, words_.data() + (strip * blocks_ + block) * Q::bits * lanes);
  }

  Shape shape_;
  Quantisation format_;
  Index blocks_;  // of inputs
  Tensor<std::uint32_t> words_;
  Tensor<f16> scales_;
};

namespace detail {

/// A quantised W as the right operand of a product: W^T (I,O) if `transposed`, else W (O,I).
template <Scalar S> struct QuantisedOperand {
  const Quantised<S>* weight;
  bool transposed;

  Index rows() const { return transposed ? weight->shape().cols() : weight->shape().rows(); }
  Index cols() const { return transposed ? weight->shape().rows() : weight->shape().cols(); }

  static constexpr Index lanes = Tile<S>::lanes;
  /// The rows that are dequantised at a time.
  Index chunk() const { return transposed ? block_inputs : lanes; }
  /// out[i * lanes + j] = element (chunk() * index + i, column + j); `column` is a multiple of lanes.
  void read(Index index, Index column, S* out) const {
    if (transposed) return weight->read(column / lanes, index, 0, block_inputs, out);
    weight->read(index, column / block_inputs, column % block_inputs, lanes, out);
    Square<S, int{lanes}> square;
    std::memcpy(&square, out, sizeof square);
    square.template exchange<lanes / 2>();
    std::memcpy(out, &square, sizeof square);
  }
};

/// Dequantises words k .. k + depth - 1 of columns first .. first + columns - 1, panel by panel. Of the last panel, the
/// vectors beyond the last column are zero, as in all panels; the micro-kernel reads none of them.
template <class E, Scalar S>
void pack_block(const QuantisedOperand<S>& b, Index k, Index depth, Index first, Index columns, S* out) {
  constexpr Index lanes = Tile<S>::lanes, width = Tile<S>::width;
  const Index begin = k * E::numbers, end = std::min(begin + depth * E::numbers, b.rows()), chunk = b.chunk();
  if (const Index last = columns / width * width; columns - last > 0 && columns - last <= width - lanes)
    std::fill_n(out + last * depth, depth * width, S(0));
  for (Index j = 0; j < columns; j += lanes) {
    S* const to = out + j / width * width * depth + j % width;
    for (Index from = begin / chunk * chunk; from < end; from += chunk) {
      alignas(64) S numbers[block_inputs * lanes];
      b.read(from / chunk, first + j, numbers);
      for (Index i = std::max(begin, from); i < std::min(end, from + chunk); i += E::numbers) {
        const S* row = numbers + (i - from) * lanes;
        E::across(row, i + 1 < end ? row + lanes : nullptr, lanes, to + (i - begin) / E::numbers * width);
      }
    }
  }
}

}  // namespace detail
}}}  // namespace neutra::NEUTRA_ABI::cpu
