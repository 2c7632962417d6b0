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
    exact_ = precision_ == dtype_of<S> || same_bits(b);
  }

  Index rows() const { return rows_; }
  Index cols() const { return cols_; }
  DType precision() const { return precision_; }
  bool empty() const { return panels_.empty(); }
  /// E: the type that with_element passes for precision().
  template <class E> detail::Panels<typename E::Stored> panels() const { return {panels_.data(), cols_}; }

  /// Whether packing lost no bit: none of the elements was rounded.
  bool exact() const { return exact_; }
  /// Restores the matrix that b was (or was the transpose of), row-major.
  void unpack(View<S> into) const {
    require(into.shape == (transposed_ ? Shape{cols_, rows_} : Shape{rows_, cols_}),
            "Packed::unpack: ", transposed_ ? "the transpose of " : "", "a (", rows_, ",", cols_, ") does not fit in ",
            into.shape);
    each([&](Index k, Index j, S number) { (transposed_ ? into(j, k) : into(k, j)) = number; });
  }

 private:
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

}}}  // namespace neutra::NEUTRA_ABI::cpu
