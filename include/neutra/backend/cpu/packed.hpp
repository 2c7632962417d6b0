/// A right operand packed in advance.
#pragma once

#include "neutra/backend/cpu/panels.hpp"

#include <atomic>
#include <cstring>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

namespace detail {

/// Packs all columns of b into the layout of E::Stored.
template <class E, Scalar S> void pack_stored(const Operand<S>& b, S* out) {
  if constexpr (std::is_same_v<typename E::Stored, typename E::Kernel>)
    return pack_columns<E>(b, Index{0}, b.cols(), out);
  if constexpr (!std::is_same_v<typename E::Stored, typename E::Kernel>) {
    constexpr Index width = Tile<S>::width;
    const Blocks<S> blocks{word_count<E>(b.rows())};
    const Panels<typename E::Stored> all{out, b.cols()};
    for_each<Schedule::tasks>(threads_for(b.rows() * b.cols(), parallel_copies), all.count(), [&](Index n) {
      S* panel = scratch<S, Scratch::panels>(Tile<S>::depth * width);
      for (Index block = 0; block < blocks.count; ++block) {
        const Index k = blocks.begin(block), depth = blocks.begin(block + 1) - k;
        pack_block<E>(b, k, depth, n * width, std::min(width, b.cols() - n * width), panel);
        E::Stored::pair(panel, depth, out + (all.panel(n, k, depth) - out));
      }
    });
  }
}

}  // namespace detail

/// An operand b (K,N) packed into panels, once for many products.
/// Packing in advance does not change the bits of a product.
template <Scalar S> class Packed {
 public:
  Packed() = default;
  explicit Packed(const Operand<S>& b)
      : rows_(b.rows()), cols_(b.cols()), transposed_(b.transposed), precision_(b.precision) {
    detail::with_element<S>(precision_, [&]<class E>() {
      using Stored = detail::Panels<typename E::Stored>;
      panels_ = Tensor<S>(Shape{detail::word_count<E>(rows_), Stored{nullptr, cols_}.count() * Stored::step});
      detail::pack_stored<E>(b, panels_.data());
    });
    exact_ = precision_ == dtype_of<S> || precision_ == b.view.dtype || same_bits(b);
  }

  Index rows() const { return rows_; }
  Index cols() const { return cols_; }
  DType precision() const { return precision_; }
  bool empty() const { return panels_.empty(); }
  /// E: the type that with_element passes for precision().
  template <class E> detail::Panels<typename E::Stored> panels() const { return {panels_.data(), cols_}; }

  /// Whether packing lost no bit: none of the elements was rounded.
  bool exact() const { return exact_; }
  /// Restores rows first, first + 1, ... of the matrix that b was (or was the transpose of), row-major, as many as
  /// `into` has.
  void unpack(View<S> into, Index first = 0) const {
    const Shape whole = transposed_ ? Shape{cols_, rows_} : Shape{rows_, cols_};
    require(into.cols() == whole.cols() && first >= 0 && first + into.rows() <= whole.rows(), "Packed::unpack: rows ",
            first, " on of ", transposed_ ? "the transpose of " : "", "a (", rows_, ",", cols_, ") do not fit in ",
            into.shape);
    if (transposed_) return unpack_columns(into, first);
    each([&](Index k, Index j, S number) {
      if (k >= first && k < first + into.rows()) into(k - first, j) = number;
    });
  }

  /// rows[j * stride + i] = b(first + i, n * Tile::width + j) for i < count and all columns j of panel n, where `first`
  /// begins a word. The last word is restored whole.
  template <class E>
  void columns_of_panel(Index n, Index first, Index count, typename E::Stored::Element* rows, Index stride) const {
    using Stored = typename E::Stored;
    constexpr Index lanes = Tile<S>::lanes;
    const detail::Blocks<S> blocks{detail::word_count<E>(rows_)};
    const auto all = panels<E>();
    const Index start = first / E::numbers, end = start + detail::word_count<E>(count);
    for (Index block = 0; block < blocks.count; ++block) {
      const Index begin = blocks.begin(block), depth = blocks.begin(block + 1) - begin;
      const S* const words = all.panel(n, begin, depth);
      Index k = std::max(start, begin);
      const Index stop = std::min(end, begin + depth);
      for (; k + lanes <= stop; k += lanes)
        for (Index column = 0; column < detail::Panels<Stored>::step; column += lanes)
          restore_square<Stored>(words + (k - begin) * detail::Panels<Stored>::step + column,
                                 rows + column * stride + (k - start) * E::numbers, stride);
      for (Index i = k * E::numbers; i < stop * E::numbers; ++i)
        for (Index j = 0; j < Tile<S>::width; ++j)
          rows[j * stride + i - first] =
              static_cast<typename Stored::Element>(Stored::number(words, i - begin * E::numbers, j));
    }
  }

 private:
  /// Restores `lanes` steps of `lanes` columns of words.
  template <class Stored> static void restore_square(const S* words, typename Stored::Element* rows, Index stride) {
    constexpr int lanes = Tile<S>::lanes;
    detail::Square<S, lanes> square;
    for (int k = 0; k < lanes; ++k)
      std::memcpy(&square.row[k], words + k * detail::Panels<Stored>::step, sizeof square.row[k]);
    square.template exchange<lanes / 2>();
    for (int j = 0; j < lanes; ++j) {
      alignas(64) S column[lanes];
      std::memcpy(column, &square.row[j], sizeof column);
      Stored::restore(column, rows + j * stride, lanes * stride);
    }
  }
  /// Restores rows of the transpose, on several threads.
  void unpack_columns(View<S> into, Index first) const {
    constexpr Index width = Tile<S>::width, most = 256;
    const Index begin = first / width, panel_count = (first + into.rows() + width - 1) / width - begin,
                parts = (rows_ + most - 1) / most;
    detail::with_element<S>(precision_, [&]<class E>() {
      for_each<Schedule::tasks>(
          threads_for(into.size(), detail::parallel_copies), panel_count * parts, [&](Index task) {
            const Index n = begin + task / parts, from = task % parts * most, count = std::min(most, rows_ - from);
            typename E::Stored::Element rows[width * most];
            columns_of_panel<E>(n, from, count, rows, most);
            const Index last = std::min({n * width + width, first + into.rows(), cols_});
            for (Index row = std::max(n * width, first); row < last; ++row)
              std::transform(rows + (row - n * width) * most, rows + (row - n * width) * most + count,
                             into.row(row - first) + from, [](auto number) { return static_cast<S>(number); });
          });
    });
  }
  bool same_bits(const Operand<S>& b) const {
    std::atomic<bool> same = true;
    each([&](Index k, Index j, S number) {
      if (!same) return;
      const S there = b.view.visit([&](const auto& x) { return static_cast<S>(transposed_ ? x(j, k) : x(k, j)); });
      if (std::memcmp(&number, &there, sizeof there) != 0) same = false;
    });
    return same;
  }
  /// Calls f(k, j, number) for every element, on several threads.
  template <class F> void each(const F& f) const {
    detail::with_element<S>(precision_, [&]<class E>() {
      const auto all = panels<E>();
      for_each<Schedule::tasks>(threads_for(rows_ * cols_, detail::parallel_copies), all.count(),
                                [&](Index n) { each_of_panel<E>(all, n, f); });
    });
  }
  template <class E, class F>
  void each_of_panel(const detail::Panels<typename E::Stored>& all, Index n, const F& f) const {
    constexpr Index width = Tile<S>::width;
    const Index first = n * width, last = std::min(first + width, cols_);
    const detail::Blocks<S> blocks{detail::word_count<E>(rows_)};
    for (Index block = 0; block < blocks.count; ++block) {
      const Index begin = blocks.begin(block), end = blocks.begin(block + 1);
      const S* words = all.panel(n, begin, end - begin);
      for (Index k = begin * E::numbers; k < std::min(end * E::numbers, rows_); ++k)
        for (Index j = first; j < last; ++j) f(k, j, E::Stored::number(words, k - begin * E::numbers, j - first));
    }
  }

  Tensor<S> panels_;
  Index rows_ = 0, cols_ = 0;
  bool transposed_ = false;
  DType precision_ = dtype_of<S>;
  bool exact_ = true;
};

namespace detail {

/// The transpose of a packed b (K,N) as a right operand (N,K). A product packs it again, block by block, so that a
/// weight is held once for x W^T and dy W. The cost is shared by all rows of the product.
template <Scalar S> struct TransposedPacked {
  const Packed<S>* packed;

  Index rows() const { return packed->cols(); }
  Index cols() const { return packed->rows(); }
  DType precision() const { return packed->precision(); }
};

/// Packs steps k .. k + depth - 1 of columns first .. first + columns - 1, panel by panel. `first` begins a word.
template <class E, Scalar S>
void pack_block(const TransposedPacked<S>& b, Index k, Index depth, Index first, Index columns, S* out) {
  constexpr Index width = Tile<S>::width;
  typename E::Stored::Element rows[width * width];
  const Index begin = k * E::numbers, end = std::min(begin + depth * E::numbers, b.rows());
  for (Index j = 0; j < columns; j += width) {
    const Index count = std::min(width, columns - j);
    if (count < width) std::fill_n(out + j * depth, depth * width, S(0));
    for (Index n = begin / width; n * width < end; ++n) {
      b.packed->template columns_of_panel<E>(n, first + j, count, rows, width);
      const Index last = std::min(end, (n + 1) * width);
      for (Index row = std::max(begin, n * width); row < last; row += E::numbers) {
        const auto* const from = rows + (row - n * width) * width;
        E::across(from, row + 1 < last ? from + width : nullptr, count,
                  out + j * depth + (row - begin) / E::numbers * width);
      }
    }
  }
}

}  // namespace detail

}}}  // namespace neutra::NEUTRA_ABI::cpu
