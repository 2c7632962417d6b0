/// The gate as a domain classifier.
#pragma once

#include "neutra/penalty/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

/// c (softplus(s) - label s): the cross-entropy of sigmoid(s) and the label (0 original, 1 target); counts both
/// domains. c = original_weight for tokens of the original domain, 1 for the others: (1 - p) / p makes up for their
/// share p. The sigmoid variant in the ablation of arXiv 2410.02744
struct DomainCrossEntropy {
  static constexpr std::string_view name = "domain_cross_entropy";
  static constexpr Counts counts = Counts::both;
  float original_weight = 1;

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("original_weight", self.original_weight);
  }
  template <class V> NEUTRA_HD V f(V, V s, V label) const { return weight(label) * (math::softplus(s) - label * s); }
  template <class V> NEUTRA_HD V dg(V, V, V) const { return V(0); }
  template <class V> NEUTRA_HD V ds(V, V s, V label) const { return weight(label) * (math::sigmoid(s) - label); }
  template <class V> NEUTRA_HD V weight(V label) const { return math::select(label > V(0), V(1), V(original_weight)); }
};

}}}  // namespace neutra::NEUTRA_ABI::penalty
