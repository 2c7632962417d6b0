/// The list of the weights of a model, by which they are created, counted, named, loaded and saved.
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

/// The initial value of a weight in pretraining: normal with this standard deviation, constant if the deviation is 0.
struct InitialDistribution {
  double deviation = 0, value = 0;
};

/// How a file stores a weight that is not a tensor of its own name and shape.
struct Storage {
  std::string_view name{};  // the tensor, as in WeightKind::name; empty: the name of the weight
  bool transposed = false;  // a matrix is stored as (in,out)
  // The tensor holds several weights along `out`: `rows` in all (0: those of this weight), of which this one has those
  // from `first` on: in one piece or, if block > 0, `block` rows at a time, between which are those of the others.
  Index first = 0, rows = 0, block = 0;

  bool as_it_is() const { return name.empty() && !transposed; }
};

/// A weight that each layer has, or one of the whole model.
struct WeightKind {
  std::string_view name;  // in a layer: without the prefix and number of the layer
  Shape shape;            // in memory: matrices are (out,in)
  InitialDistribution start;
  std::optional<adapter::Site> site{};  // the projection, if adapters may act on it
  Storage stored{};
  bool to_stream = false;  // what it outputs is added to the residual stream; if all of these are 0, a layer returns x
  std::optional<adapter::Site> bias_of{};  // the projection to whose outputs it is added (see Layer::project)

  /// The shape of the tensor in the file.
  Shape stored_shape() const {
    const Index out = rows_in_file();
    if (shape.rank() == 1) return {out};
    return stored.transposed ? Shape{shape.cols(), out} : Shape{out, shape.cols()};
  }
  /// The index along `out` in that tensor of output `own` of the weight, of rows_in_file().
  Index row_in_file(Index own) const {
    const Index apart = stored.block > 0 ? own / stored.block * (stored.block * rows_in_file() / shape[0]) : 0;
    return stored.first + apart + (stored.block > 0 ? own % stored.block : own);
  }
  Index rows_in_file() const { return stored.rows > 0 ? stored.rows : shape[0]; }
  /// The index in that tensor of element i of the weight, or of output `own` and input `col`.
  Index place_in_file(Index i) const {
    const Index cols = shape.rank() == 1 ? 1 : shape.cols();
    return place_in_file(i / cols, i % cols);
  }
  Index place_in_file(Index own, Index col) const {
    const Index cols = shape.rank() == 1 ? 1 : shape.cols(), row = row_in_file(own);
    return stored.transposed && shape.rank() == 2 ? col * rows_in_file() + row : row * cols + col;
  }
};

/// One weight of a model by its full name.
struct Weight {
  const WeightKind& kind;
  Index layer;  // -1: of the whole model
  std::string name;
};

/// The weights of a model in their order: layer by layer, then those of the whole model.
struct WeightList {
  Index layers = 0;
  std::string_view layer_prefix;  // "model.layers.", which the layer number, a point and the name of the kind follow
  std::vector<WeightKind> of_layer, of_all;  // of each layer; of the whole model, the embedding first
  std::string_view optional_prefix{};        // a prefix that files may omit from every name
  bool silu_ffn = false;  // an FFN is down(silu(gate x) * (up x)), which is added to the stream as it is
  bool tied = false;      // whether the head shares the weight of the embedding
  std::vector<std::string_view> ignored{};  // tensors that are not weights: names, or suffixes that begin with a point

  /// Adds the head as the last weight. If it is tied to the embedding, a head in files is ignored, as in transformers.
  void add_head(const WeightKind& head, bool is_embedding) {
    tied = is_embedding;
    if (tied)
      ignored.push_back(head.name);
    else
      of_all.push_back(head);
  }
  /// The index of the weight of the head.
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
  /// The index in of_layer of a projection. Error: there is none.
  Index kind_at(adapter::Site site) const {
    for (Index kind = 0; kind < per_layer(); ++kind)
      if (of_layer[static_cast<std::size_t>(kind)].site == site) return kind;
    fail("model: its family has no projection '", to_string(site), "'");
  }
  /// The index in of_layer of the bias of a projection, or of a weight by name; -1: there is none.
  Index bias_of(adapter::Site site) const {
    return first_in_layer([&](const WeightKind& kind) { return kind.bias_of == site; });
  }
  Index kind_named(std::string_view name) const {
    return first_in_layer([&](const WeightKind& kind) { return kind.name == name; });
  }
  /// Whether a weight of a layer is a projection of its FFN or the bias of one.
  bool in_ffn(const WeightKind& kind) const {
    using adapter::Site;
    const auto projects = [](const WeightKind& of) {
      return of.site == Site::gate || of.site == Site::up || of.site == Site::down;
    };
    constexpr std::string_view ending = "bias";
    if (!kind.name.ends_with(ending)) return projects(kind);
    const Index of = kind_named(concat(kind.name.substr(0, kind.name.size() - ending.size()), "weight"));
    return of >= 0 && projects(of_layer[static_cast<std::size_t>(of)]);
  }
  /// The name of the tensor that stores a weight.
  std::string stored_name(const Weight& weight) const {
    const std::string_view name = weight.kind.stored.name;
    if (name.empty()) return weight.name;
    return weight.layer < 0 ? std::string(name) : in_layer(weight.layer, name);
  }
  /// The first weight stored in a tensor, or none.
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

  /// The number of elements of one layer, and of the model; in floating point, because sizes below 2^31 have products
  /// beyond any integer type.
  double layer_weights() const { return sum(of_layer); }
  double weights() const { return static_cast<double>(layers) * sum(of_layer) + sum(of_all); }

 private:
  template <class Is> Index first_in_layer(const Is& is) const {
    for (Index kind = 0; kind < per_layer(); ++kind)
      if (is(of_layer[static_cast<std::size_t>(kind)])) return kind;
    return -1;
  }
  std::string in_layer(Index layer, std::string_view name) const { return concat(layer_prefix, layer, ".", name); }
  static double sum(const std::vector<WeightKind>& kinds) {
    double total = 0;
    for (const WeightKind& kind : kinds) total += static_cast<double>(kind.shape.size());
    return total;
  }
};

}}}  // namespace neutra::NEUTRA_ABI::nn
