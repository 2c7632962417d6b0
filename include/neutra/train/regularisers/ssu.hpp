/// Source-shielded updates: the columns that original text depends on most are not trained.
#pragma once

#include "neutra/adapter/input_squares.hpp"
#include "neutra/nn/host.hpp"
#include "neutra/optim/frozen_columns.hpp"
#include "neutra/train/observe.hpp"
#include "neutra/train/regulariser.hpp"
#include "neutra/train/trained_backbone.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train { namespace regulariser {

/// 1 for each column of a matrix that is trained, 0 for the `share` of columns, rounded, with the largest scores
///     score[c] = sqrt(squares[c]) * sum over n of |w[n,c]|
/// Of equal scores the lower column is frozen.      w: (N,C)  squares: (C), on the host
inline std::vector<float> trained_columns(View<const float> w, View<const float> squares, double share) {
  std::vector<double> score(static_cast<std::size_t>(w.cols()));
  for (Index n = 0; n < w.rows(); ++n)
    for (std::size_t c = 0; c < score.size(); ++c) score[c] += std::abs(static_cast<double>(w.row(n)[c]));
  for (std::size_t c = 0; c < score.size(); ++c) score[c] *= std::sqrt(static_cast<double>(squares.data[c]));
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return score[a] > score[b]; });
  std::vector<float> trained(score.size(), 1.0f);
  const auto frozen = static_cast<std::size_t>(std::llround(share * static_cast<double>(score.size())));
  for (std::size_t i = 0; i < frozen; ++i) trained[order[i]] = 0.0f;
  return trained;
}

/// In each projection (W_q, W_k, W_v, W_o and the matrices of the FFN), the `share` of input columns with the largest
/// scores (trained_columns) keeps the values of the backbone; the score of an element is |w| times the norm of its
/// input over `sequences` sequences of original training text, summed over a column. Everything else is trained: the
/// other columns, norms and biases, and, as in the paper's runs, embedding and head in full.
/// Yamaguchi, Morishita, Villavicencio, Aletras 2025, arXiv 2512.04844 (SSU-Wanda)
struct Ssu {
  static constexpr std::string_view name = "ssu";
  static constexpr Needs needs{.trained_backbone = true, .original_text = true};
  double share = 0.5;     // the paper's
  Index sequences = 256;  // a forward pass each, once before training; the paper takes 500 of 2048 tokens

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("share", self.share);
    visit("sequences", self.sequences);
  }
  void check() const {
    require(share >= 0 && share <= 1, name, " must be a share of columns in [0, 1], got ", share);
    require(sequences > 0, name, ".sequences must be at least 1, got ", sequences);
  }

  class Instance final : public Regularisation {
   public:
    Instance(const Ssu& ssu, const TrainingStart& start) {
      const auto sums = input_squares(start, ssu.sequences);
      for (const TrainedWeight& one : trained_backbone(start.model, name)) {
        if (!one.weight.kind.site) continue;
        std::deque<Tensor<float>> copies;
        const auto& squares =
            sums[static_cast<std::size_t>(one.weight.layer)][static_cast<std::size_t>(*one.weight.kind.site)];
        const std::vector<float> trained =
            trained_columns(nn::on_host(one.start, copies), nn::on_host(squares, copies), ssu.share);
        columns_.emplace_back(one.started(), trained);
      }
    }
    void change_gradients() override {
      for (auto& columns : columns_) columns.clear_gradient();
    }
    void change_weights() override {
      for (auto& columns : columns_) columns.restore();
    }
    Index frozen_weights() const override {
      Index all = 0;
      for (const auto& columns : columns_) all += columns.size();
      return all;
    }

   private:
    using Observer = adapter::InputSquares<float, DefaultDevice>;
    static Observer::Sums input_squares(const TrainingStart& start, Index sequences) {
      Observer::Sums sums;
      observe(start.model.backbone(), Observer{&sums}, Calibration(start.original, sequences));
      return sums;
    }

    std::vector<optim::FrozenColumns<float, DefaultDevice>> columns_;
  };
};

}}}}  // namespace neutra::NEUTRA_ABI::train::regulariser
