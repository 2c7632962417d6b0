/// The classic adapter.
#pragma once

#include "neutra/body/family.hpp"
#include "neutra/op/gated.hpp"
#include "neutra/op/linear.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace body {

/// A(x) = W_up silu(W_down x)      W_down: (r,d)  W_up: (d,r), initially zero
/// Houlsby et al. 2019, arXiv 1902.00751
struct Bottleneck {
  static constexpr std::string_view name = "bottleneck";

  std::vector<Weight> weights(Index d, Index r) const { return {{"down_proj", {r, d}}, {"up_proj", {d, r}, 0.0}}; }

  template <Scalar S, Backend D> Var<S, D> forward(Var<S, D> x, std::span<const Var<S, D>> w) const {
    return linear(pointwise(linear(x, w[0]), op::Silu{}), w[1]);
  }
};

}}}  // namespace neutra::NEUTRA_ABI::body
