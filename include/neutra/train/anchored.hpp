/// Regularisers that pull weights towards those of the backbone.
#pragma once

#include "neutra/optim/anchor.hpp"
#include "neutra/train/regulariser.hpp"

#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// In each step, adds the gradient of weight / 2 * sum of importance * (w - w0)^2 over the anchors, which the derived
/// class makes.
class Anchored : public Regularisation {
 public:
  void change_gradients() final {
    for (auto& anchor : anchors_) anchor.add_gradient(weight_);
  }

 protected:
  explicit Anchored(double weight) : weight_(weight) {}
  std::vector<optim::Anchor<float, DefaultDevice>> anchors_;

 private:
  double weight_;
};

}}}  // namespace neutra::NEUTRA_ABI::train
