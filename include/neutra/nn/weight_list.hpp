/// Which weights a model has: a family's answer, which everything that makes, counts, names, loads or saves weights
/// reads.
#pragma once

#include "neutra/adapter/sizes.hpp"
#include "neutra/core/error.hpp"
#include "neutra/core/shape.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// What a fresh weight holds: normal numbers of that deviation, or one value where the deviation is 0.
struct Start {
  double deviation = 0, value = 0;
};

/// How a file holds a weight that is not a tensor of its own name and shape.
struct Stored {
  std::string_view name{};    // of the tensor, as in WeightKind::name; empty: the weight's own
  bool transposed = false;    // a matrix as (in,out)
  Index part = 0, parts = 1;  // the tensor holds `parts` weights of one shape, one after another along `out`

  bool as_it_is() const { return name.empty() && !transposed; }
};

/// A weight of the model, or one that each layer has.
struct WeightKind {
  std::string_view name;  // in a layer: what follows "layer 3 . "
  Shape shape;            // as the model multiplies with it: matrices are (out,in)
  Start start;
  std::optional<adapter::Site> site{};  // the projection that it is, where adapters may stand
  Stored stored{};

  /// The shape of the tensor in its file.
  Shape stored_shape() const {
    const Index out = shape[0] * stored.parts;
    if (shape.rank() == 1) return {out};
    return stored.transposed ? Shape{shape.cols(), out} : Shape{out, shape.cols()};
  }
  /// Where element i of the weight stands in that tensor.
  Index place_in_file(Index i) const {
    const Index cols = shape.rank() == 1 ? 1 : shape.cols(), row = i / cols + stored.part * shape[0], col = i % cols;
    return stored.transposed && shape.rank() == 2 ? col * shape[0] * stored.parts + row : row * cols + col;
  }
};

/// One weight of a model by its full name.
struct Weight {
  const WeightKind& kind;
  Index layer;  // -1: of the model as a whole
  std::string name;
};

/// The weights of a model in their order: layer by layer, then those of the model as a whole.
struct WeightList {
  Index layers = 0;
  std::string_view layer_prefix;             // "model.layers.", then the layer, a point and the kind's name
  std::vector<WeightKind> of_layer, of_all;  // of each layer; of the model as a whole, the embedding first
  std::string_view optional_prefix{};        // which files may leave out of every name
  bool tied = false;                         // whether the embedding is the head too
  std::vector<std::string_view> ignored{};   // tensors that are no weights: names, or endings that begin with a point

  /// The last weight: a head of its own. Where the head is the embedding, one that a file holds is passed over, as
  /// transformers does.
  void add_head(const WeightKind& head, bool is_embedding) {
    tied = is_embedding;
    if (tied)
      ignored.push_back(head.name);
    else
      of_all.push_back(head);
  }
  /// The weight that gives the logits.
  Index head() const { return tied ? index_of_all(0) : count() - 1; }

  Index per_layer() const { return static_cast<Index>(of_layer.size()); }
  Index count() const { return layers * per_layer() + static_cast<Index>(of_all.size()); }
  Index index_in_layer(Index kind, Index layer) const { return layer * per_layer() + kind; }
  Index index_of_all(Index kind) const { return layers * per_layer() + kind; }

  Weight at(Index index) const {
    if (index >= layers * per_layer()) {
      const WeightKind& kind = of_all[static_cast<std::size_t>(index - layers * per_layer())];
      return {kind, -1, std::string(kind.name)};
    }
    const WeightKind& kind = of_layer[static_cast<std::size_t>(index % per_layer())];
    const Index layer = index / per_layer();
    return {kind, layer, in_layer(layer, kind.name)};
  }
  /// The kind of each layer that is this projection. Error: none is.
  Index kind_at(adapter::Site site) const {
    for (Index kind = 0; kind < per_layer(); ++kind)
      if (of_layer[static_cast<std::size_t>(kind)].site == site) return kind;
    fail("model: its family has no projection '", to_string(site), "'");
  }
  /// The tensor that holds a weight.
  std::string stored_name(const Weight& weight) const {
    const std::string_view name = weight.kind.stored.name;
    if (name.empty()) return weight.name;
    return weight.layer < 0 ? std::string(name) : in_layer(weight.layer, name);
  }
  /// The first weight that a tensor holds; none where it is no weight's.
  std::optional<Weight> held_by(std::string_view tensor) const {
    Index layer = -1;
    if (tensor.starts_with(layer_prefix))
      std::from_chars(tensor.data() + layer_prefix.size(), tensor.data() + tensor.size(), layer);
    const bool in_layers = layer >= 0 && layer < layers;
    for (Index kind = 0; in_layers && kind < per_layer(); ++kind)
      if (const Weight weight = at(index_in_layer(kind, layer)); stored_name(weight) == tensor) return weight;
    for (Index kind = 0; kind < static_cast<Index>(of_all.size()); ++kind)
      if (const Weight weight = at(index_of_all(kind)); stored_name(weight) == tensor) return weight;
    return std::nullopt;
  }
  bool ignores(std::string_view tensor) const {
    for (const std::string_view name : ignored)
      if (name.starts_with('.') ? tensor.ends_with(name) : tensor == name) return true;
    return false;
  }

  /// Weights of one layer; of the model, in floating point: sizes below 2^31 each have products that no integer holds.
  double layer_weights() const { return sum(of_layer); }
  double weights() const { return static_cast<double>(layers) * sum(of_layer) + sum(of_all); }

 private:
  std::string in_layer(Index layer, std::string_view name) const { return concat(layer_prefix, layer, ".", name); }
  static double sum(const std::vector<WeightKind>& kinds) {
    double total = 0;
    for (const WeightKind& kind : kinds) total += static_cast<double>(kind.shape.size());
    return total;
  }
};

}}}  // namespace neutra::NEUTRA_ABI::nn
