/// Elastic weight consolidation: the backbone holds the weights that its text depends on.
#pragma once

#include "neutra/train/anchored.hpp"
#include "neutra/train/fisher.hpp"
#include "neutra/train/trained_backbone.hpp"

#include <cmath>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace train { namespace regulariser {

/// loss + weight / 2 * sum F (w - w0)^2 over the trained weights of the backbone, w0 their values in it. F: the
/// diagonal of the empirical Fisher information per token of original text at w0 (fisher_diagonal), from `sequences`
/// sequences of the training text. At weight 1, the penalty is to second order the rise of the loss on original text.
/// Kirkpatrick et al. 2017, arXiv 1612.00796, equation 3
struct Ewc {
  static constexpr std::string_view name = "ewc";
  static constexpr Needs needs{.trained_backbone = true, .original_text = true};
  double weight = 1;
  Index sequences = 256;  // a backward pass each, once before training

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("weight", self.weight);
    visit("sequences", self.sequences);
  }
  void check() const {
    require(weight >= 0 && std::isfinite(weight), name, " must not be negative, got ", weight);
    require(sequences > 0, name, ".sequences must be at least 1, got ", sequences);
  }

  class Instance final : public Anchored {
   public:
    Instance(const Ewc& ewc, const TrainingStart& start) : Anchored(ewc.weight) {
      const auto weights = trained_backbone(start.model, name);
      const auto at_start = untrained(start.model, weights);
      auto fisher = fisher_diagonal(*at_start, Calibration(start.original, ewc.sequences));
      for (std::size_t i = 0; i < weights.size(); ++i)
        anchors_.emplace_back(weights[i].started(), std::move(fisher[i]));
    }
  };
};

}}}}  // namespace neutra::NEUTRA_ABI::train::regulariser
