/// What a device provides: memory, loops over rows, matmul, attention. Folders to the right do not know how.
#pragma once

#include "neutra/backend/operand.hpp"
#include "neutra/core/quantisation.hpp"
#include "neutra/core/tensor.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// Sizes of causal attention: B sequences of T tokens, H query heads that share K key/value heads, head width W.
/// Queries are the last T of past + T tokens of each sequence, whose keys and values are all given.
struct AttentionSizes {
  Index sequences, length, heads, kv_heads, width;
  Index window = 0;        // a token reads the last `window` tokens up to itself; 0: all of them
  double score_scale = 0;  // factor of q k^T; 0: W^-0.5
  double cap = 0;          // c: scores s, scaled, become c tanh(s / c) before the mask; 0: they stay as they are
  Index past = 0;          // tokens of each sequence before those of the queries

  Index keys() const { return past + length; }
  /// The first key that query i of a sequence reads, and the one after the last.
  Index first_key(Index i) const { return window > 0 ? std::max(Index{0}, past + i + 1 - window) : 0; }
  Index end_key(Index i) const { return past + i + 1; }
  template <Scalar S> S scale() const {
    return score_scale > 0 ? static_cast<S>(score_scale) : S(1) / std::sqrt(static_cast<S>(width));
  }
  /// The factor of what the softmax reads: tanh(s / c) under a cap, else q k^T.
  template <Scalar S> S softmax_scale() const { return cap > 0 ? static_cast<S>(cap) : scale<S>(); }
};

/// The rows of one array, for loops over several of them: f(row, n) for n = 0 .. count-1.
template <class F> struct RowsOf {
  Index count;
  F f;
};

namespace detail {
/// A placeholder for a functor in the concept.
struct AnyRow {
  template <class R> void operator()(R, Index) const {}
};
}  // namespace detail

/// A device is a type with static functions; S is float or double.
///   name                                   "cpu", ...
///   counts_on_host                         whether the host has the result of open_rows without waiting for the
///                                          device; where it does not, a training step skips no token
///   matmul_units(dtype)                    by name, the units that were chosen at run time to multiply numbers of the
///                                          type; results of two units differ in their last bits
///   loss_words                             the most words of a vocabulary whose scores a loss has at a time, if it
///                                          needs no whole rows of them
///   loss_rows(words)                       the most rows of `words` scores that it has at a time
///   allocate(bytes)                        zeroed memory; Error: out of memory
///   release(memory, bytes)                 bytes: the size that was allocated
///   copy(from, to, bytes)                  within the device
///   read(pointer)                          one element, copied to the host
///   upload(span, pointer)                  from host memory
///   download(pointer, span)                to host memory
///   rows<S>(count, cost, f)                f(row, n) for n = 0 .. count-1 in any order; cost: elements touched
///                                          per row. f is a copyable struct; `row` spreads the work of a row over SIMD
///                                          lanes or the threads of a block (see cpu/rows.hpp)
///   elements<S>(count, cost, f)            f(row, 0) for one long row of `count` elements, where f asks the row for
///                                          nothing but each(): a device may spread it over more than a block
///   rows_of_each<S>(loops, cost)           as rows(loop.count, cost, loop.f) for each of a vector of RowsOf: a device
///                                          may run all of them at once
///   add_rows<S>(x, index, into)            into[index[n]] += x[n] in the order of n; where into is overwritten, rows
///                                          that no n names become 0
///   column_sums<S>(count, cols, f, into)   into[c] = sum over n of f(n, lanes); the order depends only on the sizes
///   sum<S>(x, scale, into)                 one element: scale * sum of x; the order depends only on the size
///   open_rows<S>(g, slope, index, place)   index: the n with g[n] != 0 or slope[n] != 0, ascending (slope may
///                                          be null); place[n]: the position of n in index, -1 if absent; returns the
///                                          number of such n
///   product<S>(a, b, result, addend)       result = a b + addend; a, b: Operand<S>, b may be a Packed<S>
///   Packed<S>(operand)                     a right operand packed once for many products, move-only; rows(), cols();
///                                          exact(): whether packing lost no bit, so that unpack(into, first) restores
///                                          rows `first` on of the matrix that the operand viewed
///   product_transposed<S>(a, packed, result)  result = a b^T for a packed b; the bits are those of product with b^T
///   Quantised<S>(view, format)             a weight W (O,I) in blocks of integers (core/quantisation.hpp), move-only;
///                                          shape(); unpack(into, first) dequantises rows `first` on
///   product<S>(a, quantised, transposed, result, addend)
///                                          the product with W, or with W^T if `transposed`: on the CPU the bits are
///                                          those of the product with the dequantised W, which is never whole in memory
///   attention_forward, attention_backward  see cpu/attention.hpp
/// Operands and results may be stored as any DType that S is rounded to, each in its own, and so may the rows that f
/// loads and stores through its lanes. A result is rounded no further than the operands are.
template <class D>
concept Backend = requires(std::span<const float> host, std::span<float> to, View<const float> x, Into<float> into,
                           Operand<float> a, Result<float> c, float* memory, std::int32_t* index,
                           const typename D::template Packed<float>& packed,
                           const typename D::template Quantised<float>& quantised, AttentionSizes sizes) {
  { D::name } -> std::convertible_to<std::string_view>;
  requires std::same_as<decltype(D::counts_on_host), const bool>;
  { D::matmul_units(DType{}) } -> std::same_as<std::map<std::string, std::string>>;
  requires std::same_as<decltype(D::loss_words), const Index>;
  { D::loss_rows(Index{}) } -> std::same_as<Index>;
  { D::allocate(std::size_t{}) } -> std::same_as<void*>;
  D::release(nullptr, std::size_t{});
  D::copy(memory, memory, std::size_t{});
  { D::template read<float>(memory) } -> std::same_as<float>;
  D::template upload<float>(host, memory);
  D::template download<float>(memory, to);
  D::template rows<float>(Index{}, Index{}, detail::AnyRow{});
  D::template elements<float>(Index{}, Index{}, detail::AnyRow{});
  D::template rows_of_each<float>(std::vector<RowsOf<detail::AnyRow>>{}, Index{});
  D::template add_rows<float>(x, index, into);
  D::template column_sums<float>(Index{}, Index{}, detail::AnyRow{}, into);
  D::template sum<float>(x, 1.0f, into);
  { D::template open_rows<float>(x, x, index, index) } -> std::same_as<Index>;
  requires std::constructible_from<typename D::template Packed<float>, Operand<float>>;
  requires std::movable<typename D::template Packed<float>>;
  { packed.rows() } -> std::same_as<Index>;
  { packed.cols() } -> std::same_as<Index>;
  { packed.exact() } -> std::same_as<bool>;
  packed.unpack(into.view, Index{});
  D::template product<float>(a, a, c, x);
  D::template product<float>(a, packed, c, x);
  D::template product_transposed<float>(a, packed, c);
  requires std::constructible_from<typename D::template Quantised<float>, View<const float>, Quantisation>;
  requires std::movable<typename D::template Quantised<float>>;
  { quantised.shape() } -> std::convertible_to<Shape>;
  quantised.unpack(into.view, Index{});
  D::template product<float>(a, quantised, true, c, x);
  D::template attention_forward<float>(sizes, a, a, a, c, memory);
  D::template attention_backward<float>(sizes, a, a, a, a, memory, c, c, c);
};

}}  // namespace neutra::NEUTRA_ABI
