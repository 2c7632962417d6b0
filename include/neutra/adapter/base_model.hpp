/// The frozen model that an adapter is attached to, for adapters that start from its weights or run its layers.
#pragma once

#include "neutra/adapter/sizes.hpp"
#include "neutra/autodiff/parameter.hpp"
#include "neutra/autodiff/tape.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

template <Scalar S, Backend D> struct Pass;

namespace adapter {

/// A frozen weight of a layer.
template <Scalar S, Backend D> struct LayerWeight {
  std::string_view name;      // without the layer: "self_attn.q_proj.weight"
  std::optional<Site> site;   // if it is a projection
  bool to_stream;             // what it outputs is added to the residual stream
  bool in_ffn;                // a projection of the FFN, or the bias of one
  const Frozen<S, D>& value;  // matrices are (out,in)
};

/// What an adapter may ask of the model it is attached to. An Instance that is constructed with one
///     Instance(description, const adapter::Sizes&, std::uint64_t seed, std::shared_ptr<adapter::BaseModel<S, D>>)
/// may keep it; the weights live as long as it does. They are the backbone's, also where the model trains copies of
/// them (Transformer::thaw).
template <Scalar S, Backend D> class BaseModel {
 public:
  virtual ~BaseModel() = default;

  /// All weights of a layer, in the order of its family.
  virtual std::vector<LayerWeight<S, D>> layer(Index index) const = 0;
  /// A layer with other weights, those of layer() in their order, and without an adapter.      x, result: (N,d)
  virtual Var<S, D> block(Index index, std::span<Parameter<S, D>* const> weights, Var<S, D> x, Pass<S, D>& pass) = 0;
  /// The FFN of a layer with other weights, in the order of layer(), the frozen ones where null.
  /// x: what an adapter at Site::ffn reads, (N,d)  result: what it joins, (N,d)
  virtual Var<S, D> ffn(Index index, std::span<Parameter<S, D>* const> weights, Var<S, D> x, Pass<S, D>& pass) = 0;

  /// The weight W (out,in) of a projection. Error: the family has no such projection.
  const Frozen<S, D>& projection(Index index, Site site) const {
    for (const LayerWeight<S, D>& weight : layer(index))
      if (weight.site == site) return weight.value;
    fail("adapter: the model has no projection '", to_string(site), "'");
  }
  /// Whether a projection adds a bias: whether the layer has a weight of its name with .bias in place of .weight.
  bool has_bias(Index index, Site site) const {
    const std::vector<LayerWeight<S, D>> weights = layer(index);
    const auto named = [&](std::string_view name) {
      return std::any_of(weights.begin(), weights.end(), [&](const auto& weight) { return weight.name == name; });
    };
    constexpr std::string_view ending = ".weight";
    for (const LayerWeight<S, D>& weight : weights)
      if (weight.site == site && weight.name.ends_with(ending))
        return named(std::string(weight.name.substr(0, weight.name.size() - ending.size())) + ".bias");
    return false;
  }
};

/// The elements of a frozen weight in host memory, row by row.
template <Scalar S, Backend D> std::vector<S> host_values(const Frozen<S, D>& weight) {
  const Tensor<S, D> copy = weight.copy();
  std::vector<S> values(static_cast<std::size_t>(copy.size()));
  D::template download<S>(copy.data(), std::span<S>(values));
  return values;
}

}  // namespace adapter
}}  // namespace neutra::NEUTRA_ABI
