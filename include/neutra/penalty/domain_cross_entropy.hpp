/// The gate as a domain classifier.
#pragma once

#include "neutra/penalty/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

/// softplus(s) - label s: the cross-entropy of sigmoid(s) and the label (0 original, 1 target); counts both domains.
/// The sigmoid variant in the ablation of arXiv 2410.02744
struct DomainCrossEntropy {
  static constexpr std::string_view name = "domain_cross_entropy";
  static constexpr Counts counts = Counts::both;
  template <class V> NEUTRA_HD V f(V, V s, V label) const { return math::softplus(s) - label * s; }
  template <class V> NEUTRA_HD V dg(V, V, V) const { return V(0); }
  template <class V> NEUTRA_HD V ds(V, V s, V label) const { return math::sigmoid(s) - label; }
};

}}}  // namespace neutra::NEUTRA_ABI::penalty
