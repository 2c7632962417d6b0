/// The gates of the library. A gate in this list gets the gradient check, the SIMD check, the CUDA compilation test and
/// a name in the programs.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/types.hpp"
// IWYU pragma: begin_exports
#include "neutra/gate/biased.hpp"
#include "neutra/gate/causal_mean.hpp"
#include "neutra/gate/clipped_relu.hpp"
#include "neutra/gate/contextual.hpp"
#include "neutra/gate/elu.hpp"
#include "neutra/gate/hard_sigmoid.hpp"
#include "neutra/gate/jump_relu.hpp"
#include "neutra/gate/open.hpp"
#include "neutra/gate/per_channel.hpp"
#include "neutra/gate/relu.hpp"
#include "neutra/gate/sigmoid.hpp"
#include "neutra/gate/softplus.hpp"
#include "neutra/gate/tanh.hpp"
#include "neutra/gate/two_layer.hpp"
// IWYU pragma: end_exports

#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

using All = Types<Open, Relu, Sigmoid, Tanh, Elu, Softplus, HardSigmoid, ClippedRelu, JumpRelu, PerChannel<Relu>,
                  PerChannel<Sigmoid>, TwoLayer<Relu>, Biased<Relu>, Biased<Contextual<Relu>>>;

/// How lists of names show a gate G in the wrappers of W, at most two, as in  biased(contextual(GATE))
template <class W, class G> std::string shown_wrapped() {
  const auto bare = [](std::string_view prefix) { return prefix.substr(0, prefix.size() - 1); };  // without its '_'
  const std::string_view outer = W::Prefix::name;
  const std::string_view inner = W::name.substr(outer.size(), W::name.size() - outer.size() - G::name.size());
  return inner.empty() ? concat(bare(outer), "(GATE)") : concat(bare(outer), "(", bare(inner), "(GATE))");
}

/// A gate in each wrapper: what programs offer beside every plain gate, as in per_channel(tanh).
template <class G>
using Wrapped = Types<PerChannel<G>, TwoLayer<G>, CausalMean<G>, CausalMean<TwoLayer<G>>, Contextual<G>, Biased<G>,
                      Biased<CausalMean<G>>, Biased<Contextual<G>>>;

}}}  // namespace neutra::NEUTRA_ABI::gate
