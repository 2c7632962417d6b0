/// Statistics of the inputs of projections.
#pragma once

#include "neutra/adapter/adapter.hpp"

#include <array>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// squares of row n, for column sums      x: (N,C)
template <Scalar S> struct RowSquares {
  View<const S> x;

  template <class Lanes> NEUTRA_HD auto operator()(Index n, Lanes c) const {
    return c.load(x.row(n)) * c.load(x.row(n));
  }
};

/// An adapter that changes nothing: over all passes, it adds up the squares of what each projection reads.
///     sums[layer][site][c] = sum over tokens of x[n,c]^2      x: the input of the projection, (N,C)
template <Scalar S, Backend D> struct InputSquares {
  using Sums = std::vector<std::array<Tensor<S, D>, projection_sites>>;

  static constexpr std::string_view name = "input_squares";
  Sums* sums = nullptr;  // outlives the model; empty tensors at first

  Description describe(const Sizes&) const { return {.kind = std::string(name)}; }

  template <Scalar, Backend> class Instance {
   public:
    Instance(const InputSquares& described, const Sizes& sizes, std::uint64_t) : sums_(*described.sums) {
      sums_.resize(static_cast<std::size_t>(sizes.layers));
    }
    std::vector<Parameter<S, D>*> parameters() { return {}; }
    bool acts_at(Site site) const { return Sizes::is_projection(site); }
    Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>&) {
      const View<const S> read = x.value();
      auto& sum = sums_[static_cast<std::size_t>(layer)][static_cast<std::size_t>(site)];
      const bool add = !sum.empty();
      if (!add) sum = Tensor<S, D>({read.cols()});
      D::template column_sums<S>(read.rows(), read.cols(), RowSquares<S>{read}, Into<S>{sum.view(), add});
      return y;
    }

   private:
    Sums& sums_;
  };
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
