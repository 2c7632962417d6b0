/// How similar two texts are to a model, layer by layer.
#pragma once

#include "neutra/adapter/mean_directions.hpp"
#include "neutra/nn/host.hpp"
#include "neutra/train/observe.hpp"

#include <deque>
#include <memory>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// For each layer the mean cosine similarity of what its FFN reads of a token of one text and of one of the other, over
/// all pairs of tokens:
///     similarity = mean over a of x_a / ||x_a||  .  mean over b of x_b / ||x_b||
/// From at most `sequences` sequences of each text, spread evenly.
/// Zhang et al. 2025, arXiv 2505.22582, as their code computes it
inline std::vector<double> domain_similarity(const std::shared_ptr<const Backbone>& backbone,
                                             const data::Windows& original, const data::Windows& target,
                                             Index sequences = 256) {
  const Calibration one(original, sequences), other(target, sequences);
  using Observer = adapter::MeanDirections<float, DefaultDevice>;
  Observer::Sums ours, theirs;
  observe(backbone, Observer{&ours}, one);
  observe(backbone, Observer{&theirs}, other);
  const auto pairs =
      static_cast<double>(one.count() * one.length()) * static_cast<double>(other.count() * other.length());
  std::vector<double> similarity;
  for (std::size_t layer = 0; layer < ours.size(); ++layer) {
    std::deque<Tensor<float>> copies;
    const View<const float> a = nn::on_host(ours[layer], copies), b = nn::on_host(theirs[layer], copies);
    double product = 0;
    for (Index c = 0; c < a.size(); ++c) product += static_cast<double>(a.data[c]) * static_cast<double>(b.data[c]);
    similarity.push_back(product / pairs);
  }
  return similarity;
}

}}}  // namespace neutra::NEUTRA_ABI::train
