/// The CPU as a Backend: xsimd along rows, OpenMP across rows, packed matmul.
#pragma once

#include "neutra/backend/cpu/attention.hpp"
#include "neutra/backend/cpu/plain_product.hpp"
#if defined(__CUDACC__)
#include "neutra/backend/cpu/declared.hpp"
#else
#include "neutra/backend/cpu/bf16_unit.hpp"
#include "neutra/backend/cpu/product.hpp"
#endif

#include <map>
#include <string>
#include <type_traits>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// Host memory and the loops of cpu/. `Lanes` is cpu::Simd, or cpu::NoSimd for scalar loops and plain matmul.
template <class Lanes> struct BasicCpu : Host {
  static constexpr std::string_view name = "cpu";
  static constexpr bool counts_on_host = true;
  static constexpr bool simd = std::is_same_v<Lanes, cpu::Simd>;
  /// 256 x 1024 scores of float are 1 MiB, which stays in L2 cache between two products.
  static constexpr Index loss_words = 1024;
  static Index loss_rows(Index /*words*/) { return 256; }
  template <Scalar S> using Packed = std::conditional_t<simd, cpu::Packed<S>, cpu::PlainPacked<S>>;
  template <Scalar S> using Quantised = std::conditional_t<simd, cpu::Quantised<S>, cpu::PlainQuantised<S>>;
  template <Scalar S> using Value = typename Lanes::template Value<S>;

  static std::map<std::string, std::string> matmul_units(DType precision) {
    if constexpr (simd)
      return cpu::matmul_units(precision);
    else
      return {};
  }

  template <class T> static T read(const T* from) { return *from; }
  template <class T> static void download(const T* from, std::span<T> to) { std::copy_n(from, to.size(), to.begin()); }
  template <class T> static void upload(std::span<const T> from, T* to) { std::copy(from.begin(), from.end(), to); }

  template <Scalar S, class F> static void rows(Index count, Index cost, const F& f) {
    cpu::rows<S, Value<S>>(count, cost, f);
  }
  template <Scalar S, class F> static void elements(Index count, Index cost, const F& f) {
    cpu::rows<S, Value<S>>(1, count * cost, f);
  }
  template <Scalar S, class F> static void rows_of_each(const std::vector<RowsOf<F>>& loops, Index cost) {
    for (const RowsOf<F>& loop : loops) rows<S>(loop.count, cost, loop.f);
  }
  template <Scalar S> static void add_rows(View<const S> x, const std::int32_t* index, Into<S> into) {
    cpu::add_rows<S, Value<S>>(x, index, into);
  }
  template <Scalar S, class F> static void column_sums(Index count, Index cols, const F& f, Into<S> into) {
    cpu::column_sums<S, Value<S>>(count, cols, f, into);
  }

  /// In double and sequentially: a step sums only a few thousand losses this way.
  template <Scalar S> static void sum(View<const S> x, std::type_identity_t<S> scale, Into<S> into) {
    double total = 0;
    for (Index n = 0; n < x.size(); ++n) total += static_cast<double>(x.data[n]);
    *into.view.data = static_cast<S>(scale * total) + (into.add ? *into.view.data : S(0));
  }

  template <Scalar S>
  static Index open_rows(View<const S> g, View<const S> slope, std::int32_t* index, std::int32_t* place) {
    std::int32_t open = 0;
    for (Index n = 0; n < g.size(); ++n) {
      const bool skipped = g.data[n] == S(0) && !(slope.data && slope.data[n] != S(0));
      place[n] = skipped ? -1 : open;
      if (!skipped) index[open++] = static_cast<std::int32_t>(n);
    }
    return open;
  }

  template <Scalar S> static void product(Operand<S> a, Operand<S> b, Result<S> into, View<const S> addend = {}) {
    if constexpr (simd)
      cpu::product(a, b, into, addend);
    else
      cpu::plain_product(a, b, into, addend);
  }
  template <Scalar S> static void product(Operand<S> a, const Packed<S>& b, Result<S> into, View<const S> addend = {}) {
    if constexpr (simd)
      cpu::product(a, b, into, addend);
    else
      cpu::plain_product(a, b.b(), into, addend);
  }
  template <Scalar S> static void product_transposed(Operand<S> a, const Packed<S>& b, Result<S> into) {
    if constexpr (simd)
      cpu::product(a, cpu::detail::TransposedPacked<S>{&b}, into);
    else
      cpu::plain_product(a, b.b().transpose(), into);
  }
  template <Scalar S>
  static void product(Operand<S> a, const Quantised<S>& w, bool transposed, Result<S> into, View<const S> addend = {}) {
    if constexpr (simd)
      cpu::product(a, cpu::detail::QuantisedOperand<S>{&w, transposed}, into, addend);
    else
      cpu::plain_product(a, w.operand(transposed, a.precision), into, addend);
  }

  template <Scalar S>
  static void attention_forward(const AttentionSizes& z, Operand<S> q, Operand<S> k, Operand<S> v, Result<S> out,
                                S* lse) {
    cpu::attention_forward<BasicCpu>(z, q, k, v, out, lse);
  }
  template <Scalar S>
  static void attention_backward(const AttentionSizes& z, Operand<S> q, Operand<S> k, Operand<S> v, Operand<S> dout,
                                 const S* lse, Result<S> dq, Result<S> dk, Result<S> dv) {
    cpu::attention_backward<BasicCpu>(z, q, k, v, dout, lse, dq, dk, dv);
  }
};

/// Structs instead of aliases, so that compiler messages name them by one word.
#if defined(__CUDACC__)
struct Cpu : BasicCpu<cpu::NoSimd> {};
#else
struct Cpu : BasicCpu<cpu::Simd> {};
#endif

/// The scalar backend, the reference that tests compare Cpu with.
struct ScalarCpu : BasicCpu<cpu::NoSimd> {};

}}  // namespace neutra::NEUTRA_ABI

#if defined(NEUTRA_COMPILED)
#include "neutra/backend/cpu/instances.hpp"  // IWYU pragma: keep
#endif
