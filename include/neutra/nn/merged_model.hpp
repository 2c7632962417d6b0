/// Models with what an adapter adds in their own weights.
#pragma once

#include "neutra/adapter/weight_changes.hpp"
#include "neutra/nn/model_folder.hpp"

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

namespace detail {

/// The configuration with an FFN that has the further units too. Error: a family whose FFN is another function than
/// that of the units, or joins the stream otherwise; layers that get different numbers of units.
template <Scalar S> Config widened(Config config, const adapter::WeightChanges<S>& changes) {
  if (changes.units.empty()) return config;
  require(weight_list(config).silu_ffn, "merge: the FFN of this ", config.family,
          " is no gated unit with SiLU that joins the residual stream as it is, and cannot be made wider by a residue");
  std::vector<Index> more(static_cast<std::size_t>(config.layers));
  for (const auto& units : changes.units) more[static_cast<std::size_t>(units.layer)] += units.gate.shape().rows();
  for (std::size_t layer = 0; layer < more.size(); ++layer)
    require(more[layer] == more[0],
            "merge: every layer must get as many units, because config.json has one "
            "intermediate_size; layer 0 would get ",
            more[0], ", layer ", layer, " ", more[layer], "; train residues in all layers");
  config.ffn += more[0];
  return config;
}

/// w += scale B A, summed in double
template <Scalar S> void add_update(View<S> w, const typename adapter::WeightChanges<S>::LowRank& update) {
  const View<const S> a = update.a, b = update.b;
  std::vector<double> row(static_cast<std::size_t>(a.cols()));
  for (Index out = 0; out < b.rows(); ++out) {
    std::copy_n(w.row(out), a.cols(), row.begin());
    for (Index k = 0; k < a.rows(); ++k) {
      const double factor = update.scale * static_cast<double>(b(out, k));
      for (Index in = 0; in < a.cols(); ++in)
        row[static_cast<std::size_t>(in)] += factor * static_cast<double>(a(k, in));
    }
    std::transform(row.begin(), row.end(), w.row(out), [](double value) { return static_cast<S>(value); });
  }
}

/// Copies a matrix into another, from a row and a column on.
template <Scalar S> void put(View<const S> from, View<S> into, Index row, Index col) {
  for (Index n = 0; n < from.rows(); ++n) std::copy_n(from.row(n), from.cols(), into.row(row + n) + col);
}

/// A weight of the merged model: that of the base, with the updates of its projection, and behind it the rows or
/// columns of the further units. A bias of the FFN gets zeros.      weight: in the list of the merged model
template <Scalar S>
Tensor<S> merged_weight(const Weight& weight, View<const S> base, const adapter::WeightChanges<S>& changes) {
  using adapter::Site;
  Tensor<S> merged(weight.kind.shape);
  put<S>(base, merged, 0, 0);
  for (const auto& update : changes.low_rank)
    if (update.layer == weight.layer && update.site == weight.kind.site) add_update<S>(merged, update);
  Index width = 0;
  for (const auto& units : changes.units) {
    if (units.layer != weight.layer) continue;
    if (weight.kind.site == Site::gate) put<S>(units.gate, merged, base.rows() + width, 0);
    if (weight.kind.site == Site::up) put<S>(units.up, merged, base.rows() + width, 0);
    if (weight.kind.site == Site::down) put<S>(units.down, merged, 0, base.cols() + width);
    width += units.gate.shape().rows();
  }
  return merged;
}

}  // namespace detail

/// Writes a loaded model with the changes in its weights, each tensor in the type that it has in the files of `source`,
/// the folder that it was loaded from, or in S if that is a file of another form. The weights are made one at a time.
/// tokenizer.model is left to the caller. Error: units that the FFN cannot take (see WeightChanges); values that the
/// type cannot hold; a disk error.
template <Scalar S, Backend D>
void save_merged(const io::Path& folder, const Backbone<S, D>& backbone, const adapter::WeightChanges<S>& changes,
                 const io::Path& source) {
  const Config merged = detail::widened(backbone.config(), changes);
  const WeightList list = weight_list(merged);
  const auto values = [&](Index index, std::deque<Tensor<S>>& copies) -> View<const S> {
    const View<const S> base = on_host(backbone.weights()[static_cast<std::size_t>(index)], copies);
    copies.push_back(detail::merged_weight(list.at(index), base, changes));
    return copies.back().view();
  };
  detail::save_weights<S>(folder, merged, backbone.documents(), io::Json::object(), values,
                          detail::StoredTypes<S>(source, backbone.list()));
}

}}}  // namespace neutra::NEUTRA_ABI::nn
