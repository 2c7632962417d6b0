/// The mean direction of what the FFN of each layer reads.
#pragma once

#include "neutra/adapter/adapter.hpp"

#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// inverse[n] = 1 / ||x[n]||, 0 where x = 0      x: (N,C)
template <Scalar S> struct InverseNorm {
  View<const S> x;
  S* inverse;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    const S square = row.sum(x.cols(), [&](auto c) { return c.load(x.row(n)) * c.load(x.row(n)); });
    row.once([&] { inverse[n] = square > S(0) ? S(1) / math::sqrt(square) : S(0); });
  }
};

/// factor[n] x[n], for column sums      x: (N,C)  factor: (N)
template <Scalar S> struct ScaledRows {
  View<const S> x;
  const S* factor;

  template <class Lanes> NEUTRA_HD auto operator()(Index n, Lanes c) const { return c.load(x.row(n)) * factor[n]; }
};

/// An adapter that changes nothing: over all passes, it adds up the directions of what each FFN reads.
///     sums[layer][c] = sum over tokens of x[n,c] / ||x[n]||      x: the input of the FFN, (N,d)
template <Scalar S, Backend D> struct MeanDirections {
  using Sums = std::vector<Tensor<S, D>>;

  static constexpr std::string_view name = "mean_directions";
  Sums* sums = nullptr;  // outlives the model; empty at first

  Description describe(const Sizes&) const { return {.kind = std::string(name)}; }

  template <Scalar, Backend> class Instance {
   public:
    Instance(const MeanDirections& described, const Sizes& sizes, std::uint64_t) : sums_(*described.sums) {
      for (Index layer = 0; layer < sizes.layers; ++layer) sums_.emplace_back(Shape{sizes.dim});
    }
    std::vector<Parameter<S, D>*> parameters() { return {}; }
    bool acts_at(Site site) const { return site == Site::ffn; }
    Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
      if (!acts_at(site)) return y;
      const View<const S> read = x.value();
      S* inverse = pass.tape.template memory<S>(read.rows());
      D::template rows<S>(read.rows(), read.cols(), InverseNorm<S>{read, inverse});
      D::template column_sums<S>(read.rows(), read.cols(), ScaledRows<S>{read, inverse},
                                 {sums_[static_cast<std::size_t>(layer)].view(), true});
      return y;
    }

   private:
    Sums& sums_;
  };
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
