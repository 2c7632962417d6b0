/// A CUDA device as a Backend: functors over a warp or a block a row, products through cuBLASLt, attention in tiles.
#pragma once

#include "neutra/backend/backend.hpp"
#include "neutra/backend/cuda/attention_backward.hpp"
#include "neutra/backend/cuda/index_rows.hpp"
#include "neutra/backend/cuda/quantised.hpp"
#include "neutra/backend/cuda/rows_of_each.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// The host gives work to the device and goes on. It waits in read, download and open_rows.
struct Cuda : gpu::Memory {
  static constexpr std::string_view name = "cuda";
  static constexpr bool counts_on_host = false;
  /// 2048 x 4096 scores of float are 32 MiB, which stay in the L2 cache of an A100 (40 MB) or H200 (50 MB) between two
  /// products, of which each has 256 tiles of 128 x 256 for some 130 processors.
  static constexpr Index loss_words = 4096;
  /// Whole rows do not stay there. The more there are, the less often the gradient of the head is read and written:
  /// 2048, or as many as take 256 MiB, but not below 256.
  static Index loss_rows(Index words) {
    constexpr Index most = 2048, least = 256, scores = Index{1} << 26;
    return std::clamp(scores / std::max<Index>(words, 1), least, most);
  }
  template <Scalar S> using Packed = gpu::Packed<S>;
  template <Scalar S> using Quantised = gpu::Quantised<S>;

  /// None is chosen at run time: the unit follows from the type, the device and the build.
  static std::map<std::string, std::string> matmul_units(DType) { return {}; }

  template <Scalar S, class F> static void rows(Index count, Index cost, const F& f) { gpu::rows<S>(count, cost, f); }
  template <Scalar S, class F> static void elements(Index count, Index /*cost*/, const F& f) {
    gpu::elements<S>(count, f);
  }
  template <Scalar S, class F> static void rows_of_each(const std::vector<RowsOf<F>>& loops, Index /*cost*/) {
    gpu::rows_of_each<S>(loops);
  }
  template <Scalar S> static void add_rows(View<const S> x, const std::int32_t* index, Into<S> into) {
    gpu::add_rows<S>(x, index, into);
  }
  template <Scalar S, class F> static void column_sums(Index count, Index cols, const F& f, Into<S> into) {
    gpu::column_sums<S>(count, cols, f, into);
  }
  template <Scalar S> static void sum(View<const S> x, std::type_identity_t<S> scale, Into<S> into) {
    gpu::sum<S>(x, scale, into);
  }
  template <Scalar S>
  static Index open_rows(View<const S> g, View<const S> slope, std::int32_t* index, std::int32_t* place) {
    return gpu::open_rows<S>(g, slope, index, place);
  }

  template <Scalar S> static void product(Operand<S> a, Operand<S> b, Result<S> into, View<const S> addend = {}) {
    gpu::product<S>(a, b, into, addend);
  }
  template <Scalar S> static void product(Operand<S> a, const Packed<S>& b, Result<S> into, View<const S> addend = {}) {
    gpu::detail::multiply<S>(a, b.right(), into, addend);
  }
  template <Scalar S> static void product_transposed(Operand<S> a, const Packed<S>& b, Result<S> into) {
    gpu::detail::multiply<S>(a, b.right(true), into, View<const S>{});
  }
  template <Scalar S>
  static void product(Operand<S> a, const Quantised<S>& w, bool transposed, Result<S> into, View<const S> addend = {}) {
    gpu::product<S>(a, w, transposed, into, addend);
  }

  template <Scalar S>
  static void attention_forward(const AttentionSizes& z, Operand<S> q, Operand<S> k, Operand<S> v, Result<S> out,
                                S* lse) {
    gpu::attention_forward<S>(z, q, k, v, out, lse);
  }
  template <Scalar S>
  static void attention_backward(const AttentionSizes& z, Operand<S> q, Operand<S> k, Operand<S> v, Operand<S> dout,
                                 const S* lse, Result<S> dq, Result<S> dk, Result<S> dv) {
    gpu::attention_backward<S>(z, q, k, v, dout, lse, dq, dk, dv);
  }
};

static_assert(Backend<Cuda>);

}}  // namespace neutra::NEUTRA_ABI
