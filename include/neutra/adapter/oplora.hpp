/// LoRA kept off the leading singular directions of the frozen weights.      Xiong & Xie 2025 (OPLoRA), arXiv
/// 2510.13003
#pragma once

#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/singular_vectors.hpp"

#include <span>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// y = W x + scale P_L B A P_R x,  P_L = I - U_k U_k^T,  P_R = I - V_k V_k^T,  at the projections of LoRA
/// U_k (out,k), V_k (in,k): the singular vectors of the k largest singular values of W, which the update therefore
/// leaves as they are: (W + dW) v_i = s_i u_i. Computed in double when the adapter is made. They are not weights: a
/// file holds A and B alone.
/// A, B: as in LoRA      top: k, our choice
struct OpLora {
  static constexpr std::string_view name = "oplora";
  Lora lora{};
  Index top = 16;

  template <class Self, class Visit> static void settings(Self& self, const Visit& visit) {
    Lora::settings(self.lora, visit);
    visit("top", self.top);
  }

  /// Error: no singular direction would be left for the update, or none kept off.
  OpLora resolved(const Sizes& sizes) const {
    const Lora ranked = lora.resolved(sizes);
    for (const Site site : ranked.sites) {
      const Index most = std::min(sizes.inputs(site), sizes.outputs(site)) - 1;
      require(top >= 1 && top <= most, "oplora: top, the number of singular directions, must be from 1 to ", most,
              " at the projection '", to_string(site), "', got ", top, "; choose fewer, or other targets");
    }
    return {ranked, top};
  }
  Description describe(const Sizes& sizes) const {
    const OpLora ranked = resolved(sizes);
    return {.kind = std::string(name), .settings = settings_of(ranked), .weights = ranked.lora.describe(sizes).weights};
  }

  template <Scalar S, Backend D> class Instance {
   public:
    Instance(const OpLora& oplora, const Sizes& sizes, std::uint64_t seed, const std::shared_ptr<BaseModel<S, D>>& base)
        : lora_(oplora.resolved(sizes).lora, sizes, seed) {
      for (const Site site : oplora.lora.sites_in(sizes))
        for (Index layer = 0; layer < sizes.layers; ++layer) {
          const Frozen<S, D>& weight = base->projection(layer, site);
          const std::vector<S> values = host_values(weight);
          const std::vector<double> wide(values.begin(), values.end());
          const SingularVectors kept =
              leading_singular_vectors(View<const double>(wide.data(), weight.shape()), oplora.top);
          left_.emplace_back(kept.left.view());
          right_.emplace_back(kept.right.view());
        }
    }

    std::vector<Parameter<S, D>*> parameters() { return lora_.parameters(); }
    bool acts_at(Site site) const { return lora_.acts_at(site); }

    Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
      if (!acts_at(site)) return y;
      const std::size_t here = lora_.place(site, layer);
      const auto a = right_[here].without(pass.tape.leaf(lora_.a(here)));  // A P_R (r,in)
      const auto low = linear(x, a);                                       // (N,r)
      const auto high = left_[here].without(linear(low, pass.tape.leaf(lora_.b(here))));
      return neutra::add(y, high, lora_.scale());
    }

    /// Those of LoRA, with P_L B and A P_R.
    WeightChanges<S> weight_changes() {
      WeightChanges<S> changes = lora_.weight_changes();
      for (auto& update : changes.low_rank) {
        const std::size_t here = lora_.place(update.site, update.layer);
        right_[here].remove_from(update.a, false);
        left_[here].remove_from(update.b, true);
      }
      return changes;
    }

   private:
    /// Orthonormal vectors q_1 .. q_k of n numbers, as the rows and as the columns of a matrix.
    class Directions {
     public:
      explicit Directions(View<const double> q)
          : rows_("directions", stored(q, false)), columns_("directions", stored(q, true)) {}

      /// x - x Q^T Q, unrounded in a step of any precision: a rounded Q would let the update leak into its span.
      /// x, result: (N,n)
      Var<S, D> without(Var<S, D> x) const {
        const auto inner = linear_exact(x, x.tape().constant(rows_));  // (N,k)
        return neutra::add(x, linear_exact(inner, x.tape().constant(columns_)), S(-1));
      }

      /// The same of each row or column of a matrix in host memory.
      void remove_from(Tensor<S>& x, bool columns) const {
        const std::vector<S> q = host_values(rows_);
        const Index n = rows_.shape().cols(), cols = x.shape().cols(), stride = columns ? cols : 1;
        for (Index vector = 0; vector < (columns ? cols : x.shape().rows()); ++vector)
          for (auto at = q.begin(); at != q.end(); at += n)
            remove(x.data() + vector * (columns ? 1 : cols), stride,
                   std::span<const S>(at, static_cast<std::size_t>(n)));
      }

     private:
      /// x - (x . q) q, the elements of x `stride` apart
      static void remove(S* x, Index stride, std::span<const S> q) {
        double inner = 0;
        S* element = x;
        for (const S of_q : q) {
          inner += static_cast<double>(of_q) * static_cast<double>(*element);
          element += stride;
        }
        for (const S of_q : q) {
          *x -= static_cast<S>(inner * static_cast<double>(of_q));
          x += stride;
        }
      }
      static Tensor<S, D> stored(View<const double> q, bool transposed) {
        std::vector<S> values;
        for (Index row = 0; row < (transposed ? q.cols() : q.rows()); ++row)
          for (Index col = 0; col < (transposed ? q.rows() : q.cols()); ++col)
            values.push_back(static_cast<S>(transposed ? q(col, row) : q(row, col)));
        Tensor<S, D> tensor(transposed ? Shape{q.cols(), q.rows()} : q.shape);
        D::template upload<S>(std::span<const S>(values), tensor.data());
        return tensor;
      }

      Frozen<S, D> rows_, columns_;  // (k,n), (n,k)
    };

    typename Lora::template Instance<S, D> lora_;
    std::deque<Directions> left_, right_;  // by Lora's place
  };
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
