/// Statistics of gates and residues in an evaluation, per layer and domain: open shares and residue sizes.
#pragma once

#include "neutra/op/add.hpp"
#include "neutra/op/sparse_rows.hpp"

#include <array>
#include <cmath>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// Counts of one layer in one domain.
struct LayerCounts {
  double tokens = 0;
  double open = 0;   // tokens (or token-channels) with g != 0
  double gates = 0;  // tokens (or token-channels) counted; 0 where the gate has no exact zero
  double ratio = 0;  // sum over tokens of ||r|| / ||y||

  double open_share() const { return gates > 0 ? open / gates : 0; }
  double mean_ratio() const { return tokens > 0 ? ratio / tokens : 0; }
};

/// ratios[i] = ||r[i]|| / ||y[index[i]]||, 0 where y = 0      r: (M,C)  y: (N,C)
template <Scalar S> struct ResidueRatio {
  View<const S> r, y;
  const std::int32_t* index;
  S* ratios;

  template <class Row> NEUTRA_HD void operator()(Row row, Index i) const {
    const S *ri = r.row(i), *yi = y.row(index ? index[i] : i);
    const S square = row.sum(r.cols(), [&](auto c) { return c.load(ri) * c.load(ri); });
    const S joined = row.sum(r.cols(), [&](auto c) { return c.load(yi) * c.load(yi); });
    row.once([&] { ratios[i] = joined > S(0) ? std::sqrt(square / joined) : S(0); });
  }
};

/// Collects LayerCounts over the passes of an evaluation; every pass has one domain, set beforehand.
template <Scalar S, Backend D> class Probe {
 public:
  explicit Probe(Index layers)
      : counts_{std::vector<LayerCounts>(static_cast<std::size_t>(layers)),
                std::vector<LayerCounts>(static_cast<std::size_t>(layers))} {}

  std::size_t domain = 0;  // 0 original, 1 target

  Index layers() const { return static_cast<Index>(counts_[0].size()); }
  const std::vector<LayerCounts>& counts(std::size_t of_domain) const {
    require(of_domain < counts_.size(), "probe: the domain must be 0 (original) or 1 (target), got ", of_domain);
    return counts_[of_domain];
  }

  /// Counts one layer of one pass. g: (N,1) or (N,C), null unless the gate has an exact zero   r: (M,C), row i of token
  /// index[i] (of token i if index is null)   y: (N,C)
  void observe(Index layer, const Var<S, D>* g, Var<S, D> r, const std::int32_t* index, Var<S, D> y) {
    require(layer >= 0 && layer < layers(), "probe: layer ", layer, " was seen, but the probe was made for ", layers(),
            " layers; make it with model.config().layers");
    require(domain < counts_.size(), "probe: the domain must be 0 (original) or 1 (target), got ", domain);
    LayerCounts& layer_counts = counts_[domain][static_cast<std::size_t>(layer)];
    layer_counts.tokens += static_cast<double>(y.shape().rows());
    if (g) {
      fetch(g->value().data, g->shape().size());
      layer_counts.gates += static_cast<double>(host_.size());
      for (const S value : host_) layer_counts.open += value != S(0);
    }
    const Index rows = r.shape().rows();
    S* ratios = r.tape().template memory<S>(rows);
    D::template rows<S>(rows, 4 * r.shape().cols(), ResidueRatio<S>{r.value(), y.value(), index, ratios});
    fetch(ratios, rows);
    for (const S value : host_) layer_counts.ratio += static_cast<double>(value);
  }

 private:
  void fetch(const S* from, Index count) {
    host_.resize(static_cast<std::size_t>(count));
    D::template download<S>(from, std::span<S>(host_));
  }
  std::array<std::vector<LayerCounts>, 2> counts_;
  std::vector<S> host_;
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
