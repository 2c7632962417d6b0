/// L2-SP: weight decay towards the backbone.
#pragma once

#include "neutra/train/anchored.hpp"
#include "neutra/train/trained_backbone.hpp"

#include <cmath>

namespace neutra { inline namespace NEUTRA_ABI { namespace train { namespace regulariser {

/// loss + weight / 2 * sum (w - w0)^2 over the trained weights of the backbone, w0 their values in it. The gradient
/// weight (w - w0) is clipped together with that of the loss.
/// Li, Grandvalet, Davoine 2018, arXiv 1802.01483
struct L2Sp {
  static constexpr std::string_view name = "l2_sp";
  static constexpr Needs needs{.trained_backbone = true};
  double weight = 0.01;

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("weight", self.weight);
  }
  void check() const { require(weight >= 0 && std::isfinite(weight), name, " must not be negative, got ", weight); }

  class Instance final : public Anchored {
   public:
    Instance(const L2Sp& l2_sp, const TrainingStart& start) : Anchored(l2_sp.weight) {
      for (const TrainedWeight& one : trained_backbone(start.model, name)) anchors_.emplace_back(one.started());
    }
  };
};

}}}}  // namespace neutra::NEUTRA_ABI::train::regulariser
