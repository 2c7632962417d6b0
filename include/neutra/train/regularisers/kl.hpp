/// KL to the model before training: on original text, the model keeps its predictions.
#pragma once

#include "neutra/train/regulariser.hpp"
#include "neutra/train/teacher.hpp"

#include <cmath>

namespace neutra { inline namespace NEUTRA_ABI { namespace train { namespace regulariser {

/// loss + weight * mean over the tokens of original-domain sequences of the step of KL(before || model), in nats, of
/// the distributions of the next token. The teacher is the model as it was before training, adapters that it had
/// included; it runs on these sequences alone. A step that draws none of them adds nothing.
/// Li & Hoiem 2016, arXiv 1606.09282 (learning without forgetting), at temperature 1, on original text
struct Kl {
  static constexpr std::string_view name = "kl";
  static constexpr Needs needs{.original_text = true, .original_sequences = true};
  double weight = 1;

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("weight", self.weight);
  }
  void check() const { require(weight >= 0 && std::isfinite(weight), name, " must not be negative, got ", weight); }

  class Instance final : public Regularisation {
   public:
    Instance(const Kl& kl, const TrainingStart& start) : weight_(kl.weight), teacher_(start.model, start.before) {}
    std::optional<Var<float, DefaultDevice>> loss(const LossOfBatch& batch) override {
      if (batch.counts.original == 0) return std::nullopt;
      const double scale = weight_ / static_cast<double>(batch.counts.original);
      return teacher_.divergence(batch.tokens, batch.losses.hidden, static_cast<float>(scale));
    }

   private:
    double weight_;
    Teacher<Adapter, float, DefaultDevice> teacher_;
  };
};

}}}}  // namespace neutra::NEUTRA_ABI::train::regulariser
