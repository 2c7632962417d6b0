/// The body of the paper: a gated unit like the FFN of the backbone.
#pragma once

#include "neutra/body/family.hpp"
#include "neutra/op/gated.hpp"
#include "neutra/op/linear.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace body {

/// A(x) = W_o (silu(W_g x) * (W_i x))      W_g, W_i: (r,d)  W_o: (d,r), initially zero
/// arXiv 2410.02744; Shazeer 2020, arXiv 2002.05202
struct GatedUnit {
  static constexpr std::string_view name = "gated_unit";

  std::vector<Weight> weights(Index d, Index r) const {
    return {{"gate_proj", {r, d}}, {"up_proj", {r, d}}, {"down_proj", {d, r}, 0.0}};
  }

  template <Scalar S, Backend D> Var<S, D> forward(Var<S, D> x, std::span<const Var<S, D>> w) const {
    const DType stored = x.tape().precision();                                // only gated reads these values
    const auto up = linear(x, w[1], stored), gate = linear(x, w[0], stored);  // (N,r)
    return linear(gated(gate, up), w[2]);
  }
};

}}}  // namespace neutra::NEUTRA_ABI::body
