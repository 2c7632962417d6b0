/// The frozen weights of a model, shared by all methods of a run.
#pragma once

#include "neutra/autodiff/frozen.hpp"
#include "neutra/core/random.hpp"
#include "neutra/nn/families.hpp"
#include "neutra/nn/host.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// What a backbone is used for, which determines how its weights are packed:
///   finetuning:  not packed; a copy is trained (see Transformer::thaw)
///   generation:  for the forward pass to logits
///   evaluation:  for the forward pass to losses
///   training:    for losses and the backward pass
enum class Purpose { finetuning, generation, evaluation, training };

/// The use of a backbone, and the matmul input precision of its steps.
/// precision: inputs of matmul with weights and of attention are rounded to it, forward and backward; sums are of S. It
/// is also the storage dtype of values between two matmuls that no adapter reads: gated units, queries, keys, values
/// and the result of attention, and their gradients. The residual stream, gate logits, trainable parameters, their
/// gradients and the optimizer moments are of S.
/// base: if it names a format, the projections of the layers are quantised; embedding, head, norms and biases are not.
/// The matmul rounds a dequantised weight to `precision`. What reads a weight, such as thaw(), gets the dequantised
/// one. For finetuning nothing is quantised.
template <Scalar S> struct Use {
  Purpose purpose = Purpose::training;
  DType precision = dtype_of<S>;
  Quantisation base{};
};

/// A frozen model, packed on construction and const afterwards, so that threads may share it. The methods of a run hold
/// it through std::shared_ptr<const Backbone>; trained weights are a copy (see Transformer).
template <Scalar S, Backend D> class Backbone {
 public:
  /// Called once per weight, in the order of the list; returns the weight in its shape. Memory that it lends is read
  /// before the next call.
  using Source = std::function<RowMajor<S, D>(const Weight&)>;

  /// Small files beside the weights, by name, which save_model writes beside a saved model.
  using Documents = std::map<std::string, std::string>;

  Backbone(Config config, const Source& source, const Use<S>& use = {}, Documents documents = {});

  /// Random weights for pretraining, initialised as the family specifies.
  static std::shared_ptr<const Backbone> random(const Config& config, std::uint64_t seed, const Use<S>& use = {});

  const Config& config() const { return config_; }
  /// The weights by kind and name, in the order of weights().
  const WeightList& list() const { return list_; }
  const Documents& documents() const { return documents_; }
  const Use<S>& use() const { return use_; }
  const std::deque<Frozen<S, D>>& weights() const { return weights_; }
  /// The fingerprint of the weights before they were quantised; empty if none is, or if they were read from no file. It
  /// is computed when it is first asked for, from the files.
  std::string source_fingerprint() const { return source_fingerprint_ ? source_fingerprint_() : std::string(); }
  void note_source_fingerprint(std::function<std::string()> compute) { source_fingerprint_ = std::move(compute); }
  /// A weight by name. Error: there is none of this name.
  const Frozen<S, D>& weight(std::string_view name) const {
    for (const auto& weight : weights_)
      if (weight.name == name) return weight;
    fail("backbone: there is no weight '", name, "'; the first is ", weights_.front().name);
  }
  /// The number of elements of all weights, embedding and head included.
  Index count() const {
    Index total = 0;
    for (const auto& weight : weights_) total += weight.shape().size();
    return total;
  }

 private:
  static Config completed(Config config) {
    config.complete();
    return config;
  }
  /// Embeddings and the loss read rows, so their weights keep the row-major copy.
  Forms forms(const Weight& weight, bool head) const {
    if (use_.purpose == Purpose::finetuning || !(head || weight.kind.site)) return {.rows = true};
    if (!head) return {.packed = true, .format = use_.base};
    return {.packed = true, .in_chunks = use_.purpose != Purpose::generation, .rows = list_.tied};
  }

  Config config_;
  WeightList list_;
  Documents documents_;
  Use<S> use_;
  std::function<std::string()> source_fingerprint_;
  std::deque<Frozen<S, D>> weights_;
};

// Defined here, not in the class, so that neutra::compiled holds them alone.

template <Scalar S, Backend D>
Backbone<S, D>::Backbone(Config config, const Source& source, const Use<S>& use, Documents documents)
    : config_(completed(std::move(config))), list_(weight_list(config_)), documents_(std::move(documents)), use_(use) {
  for (Index index = 0; index < list_.count(); ++index) {
    const Weight weight = list_.at(index);
    RowMajor<S, D> value = source(weight);
    require(value.shape() == weight.kind.shape, "backbone: ", weight.name, " must be ", weight.kind.shape, ", got ",
            value.shape());
    weights_.emplace_back(weight.name, std::move(value), forms(weight, index == list_.head()), use_.precision);
  }
}

template <Scalar S, Backend D>
std::shared_ptr<const Backbone<S, D>> Backbone<S, D>::random(const Config& config, std::uint64_t seed,
                                                             const Use<S>& use) {
  const auto draw_weight = [&](const Weight& weight) {
    const auto [deviation, constant] = weight.kind.start;
    const Philox draw(seed, weight.name);
    std::vector<S> values(static_cast<std::size_t>(weight.kind.shape.size()), static_cast<S>(constant));
    for (std::size_t i = 0; deviation > 0 && i < values.size(); ++i)
      values[i] = static_cast<S>(deviation * draw.normal(0, i));
    Tensor<S, D> tensor(weight.kind.shape);
    D::template upload<S>(std::span<const S>(values), tensor.data());
    return tensor;
  };
  return std::make_shared<const Backbone>(config, draw_weight, use);
}

}}}  // namespace neutra::NEUTRA_ABI::nn
