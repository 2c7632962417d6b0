/// L2-SP: weight decay towards the backbone.
#pragma once

#include "neutra/optim/anchor.hpp"
#include "neutra/train/regulariser.hpp"
#include "neutra/train/trained_backbone.hpp"

#include <cmath>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train { namespace regulariser {

/// loss + weight / 2 * sum (w - w0)^2 over the trained weights of the backbone, w0 their values in it. The gradient
/// weight (w - w0) is clipped together with that of the loss.
/// Li, Grandvalet, Davoine 2018, arXiv 1802.01483, equation 2
struct L2Sp {
  static constexpr std::string_view name = "l2_sp";
  static constexpr Needs needs{.trained_backbone = true};
  double weight = 0.01;  // the paper selects among 0.001 to 0.1

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("weight", self.weight);
  }
  void check() const { require(weight >= 0 && std::isfinite(weight), name, " must not be negative, got ", weight); }

  class Instance final : public Regularisation {
   public:
    Instance(const L2Sp& l2_sp, const TrainingStart& start) : weight_(l2_sp.weight) {
      for (const TrainedWeight& one : trained_backbone(start.model, name)) anchors_.emplace_back(one.started());
    }
    void change_gradients() override {
      for (auto& anchor : anchors_) anchor.add_gradient(weight_);
    }

   private:
    double weight_;
    std::vector<optim::Anchor<float, DefaultDevice>> anchors_;
  };
};

}}}}  // namespace neutra::NEUTRA_ABI::train::regulariser
