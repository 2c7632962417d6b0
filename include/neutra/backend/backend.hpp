/// What a device provides: memory, loops over rows, matmul, attention. Folders to the right do not know how.
#pragma once

#include "neutra/core/tensor.hpp"

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI {

/// A matrix operand as it is stored, and whether it is used transposed.
template <class S> struct Operand {
  View<const S> view;
  bool transposed = false;
  // Whether elements are rounded to bf16 before they are multiplied; sums stay in S.
  // Float only, and for both operands or neither.
  bool bf16 = false;
  // The elements, if they are stored as bf16; `view` then holds only shape and stride.
  const neutra::bf16* rounded = nullptr;

  /// An operand with the storage dtype of its elements.
  static Operand of(View<const S> numbers) { return {numbers}; }
  static Operand of(View<const neutra::bf16> numbers) {
    return {{nullptr, numbers.shape, numbers.stride}, false, true, numbers.data};
  }

  Index rows() const { return transposed ? view.cols() : view.rows(); }
  Index cols() const { return transposed ? view.rows() : view.cols(); }
  Operand transpose() const {
    Operand x = *this;
    x.transposed = !transposed;
    return x;
  }
  /// A range of its rows.
  Operand slice(Index first, Index count) const {
    return transposed ? block(0, view.rows(), first, count) : block(first, count, 0, view.cols());
  }
  /// A block of the matrix as it is stored.
  Operand block(Index row, Index rows, Index column, Index columns) const {
    Operand x = *this;
    const Index skip = row * view.stride + column;
    if (view.data) x.view.data += skip;
    if (rounded) x.rounded += skip;
    x.view.shape = {rows, columns};
    return x;
  }
  /// Calls f with a view of the elements in their storage dtype, S or bf16.
  template <class F> auto read(const F& f) const {
    if constexpr (std::is_same_v<S, float>) {
      if (rounded) return f(View<const neutra::bf16>(rounded, view.shape, view.stride));
    }
    return f(view);
  }
};

/// Sizes of causal attention: B sequences of T tokens, H query heads that share K key/value heads, head width W.
struct AttentionSizes {
  Index sequences, length, heads, kv_heads, width;
};

namespace detail {
/// A placeholder for a functor in the concept.
struct AnyRow {
  template <class R> void operator()(R, Index) const {}
};
}  // namespace detail

/// A device is a type with static functions; S is float or double.
///   name                                   "cpu", ...
///   allocate(bytes)                        zeroed memory; Error: out of memory
///   release(memory, bytes)                 bytes: the size that was allocated
///   copy(from, to, bytes)                  within the device
///   read(pointer)                          one element, copied to the host
///   upload(span, pointer)                  from host memory
///   download(pointer, span)                to host memory
///   rows<S>(count, cost, f)                f(row, n) for n = 0 .. count-1 in any order; cost: elements touched
///                                          per row. f is a copyable struct; `row` spreads the work of a row over SIMD
///                                          lanes or the threads of a block (see cpu/rows.hpp)
///   column_sums<S>(count, cols, f, into)   into[c] = sum over n of f(n, lanes); the order depends only on the sizes
///   sum<S>(x, scale, into)                 one element: scale * sum of x; the order depends only on the size
///   open_rows<S>(g, slope, index, place)   index: the n with g[n] != 0 or slope[n] != 0, ascending (slope may
///                                          be null); place[n]: the position of n in index, -1 if absent; returns the
///                                          number of such n
///   product(a, b, into, addend)            into = a b + addend; b may be a Packed<S>; into is an Into<S>, or an
///                                          Into<bf16> where a and b are rounded
///   Packed<S>(operand)                     a right operand packed once for many products, move-only; rows(), cols();
///                                          exact(): whether packing lost no bit, so that unpack(into) restores the
///                                          matrix that the operand viewed
///   attention_forward, attention_backward  see cpu/attention.hpp; results and gradients are S, or bf16 where q, k
///                                          and v are rounded
/// Operands may be stored as bf16 (see Operand::read), and so may the rows that f loads and stores through its lanes.
template <class D>
concept Backend = requires(std::span<const float> host, std::span<float> to, View<const float> x, Into<float> into,
                           Operand<float> a, float* memory, std::int32_t* index,
                           const typename D::template Packed<float>& packed, AttentionSizes sizes) {
  { D::name } -> std::convertible_to<std::string_view>;
  { D::allocate(std::size_t{}) } -> std::same_as<void*>;
  D::release(nullptr, std::size_t{});
  D::copy(memory, memory, std::size_t{});
  { D::template read<float>(memory) } -> std::same_as<float>;
  D::template upload<float>(host, memory);
  D::template download<float>(memory, to);
  D::template rows<float>(Index{}, Index{}, detail::AnyRow{});
  D::template column_sums<float>(Index{}, Index{}, detail::AnyRow{}, into);
  D::template sum<float>(x, 1.0f, into);
  { D::template open_rows<float>(x, x, index, index) } -> std::same_as<Index>;
  requires std::constructible_from<typename D::template Packed<float>, Operand<float>>;
  requires std::movable<typename D::template Packed<float>>;
  { packed.rows() } -> std::same_as<Index>;
  { packed.cols() } -> std::same_as<Index>;
  { packed.exact() } -> std::same_as<bool>;
  packed.unpack(into.view);
  D::template product<float>(a, a, into, x);
  D::template product<float>(a, packed, into, x);
  D::template product<float>(a, a, Into<bf16>{}, x);
  D::template product<float>(a, packed, Into<bf16>{}, x);
  D::template attention_forward<float>(sizes, a, a, a, into.view, memory);
  D::template attention_backward<float>(sizes, a, a, a, a, memory, into, into, into);
  D::template attention_forward<float>(sizes, a, a, a, View<bf16>{}, memory);
  D::template attention_backward<float>(sizes, a, a, a, a, memory, Into<bf16>{}, Into<bf16>{}, Into<bf16>{});
};

}}  // namespace neutra::NEUTRA_ABI
