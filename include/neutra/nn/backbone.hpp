/// The weights of a model: never changed, shared by all methods of a run.
#pragma once

#include "neutra/autodiff/frozen.hpp"
#include "neutra/core/random.hpp"
#include "neutra/nn/families.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// What a backbone is for, and so which forms its weights are packed in: none, where a copy trains (see
/// Transformer::thaw); those of logits; those of losses; those of losses and the walk back.
enum class Purpose { finetuning, generation, evaluation, training };

/// What a backbone is for, and the precision of the steps it serves: what matmul inputs are rounded to, those of
/// products with weights and those of attention, forward and back; sums are of S. What lies between two products and is
/// read by no adapter is then stored so: gated units, queries, keys, values and attention's result, and their
/// gradients. The residual stream, gate logits, the weights that train, their gradients and the optimizer's moments
/// stay of S.
template <Scalar S> struct Use {
  Purpose purpose = Purpose::training;
  DType precision = dtype_of<S>;
};

/// A frozen model, packed for its use when it is made and const from then on: threads may share it. Methods of a run
/// hold it through std::shared_ptr<const Backbone>; what trains is a copy (see Transformer).
template <Scalar S, Backend D> class Backbone {
 public:
  /// Each weight is asked for once, in the list's order, and must come in its shape.
  using Source = std::function<Tensor<S, D>(const Weight&)>;

  /// Small files that lay beside the weights, by name: what they say goes with a saved model (see save_model).
  using Documents = std::map<std::string, std::string>;

  Backbone(Config config, const Source& source, const Use<S>& use = {}, Documents documents = {})
      : config_(completed(std::move(config))),
        list_(weight_list(config_)),
        documents_(std::move(documents)),
        use_(use) {
    for (Index index = 0; index < list_.count(); ++index) {
      const Weight weight = list_.at(index);
      Tensor<S, D> value = source(weight);
      require(value.shape() == weight.kind.shape, "backbone: ", weight.name, " must be ", weight.kind.shape, ", got ",
              value.shape());
      weights_.emplace_back(weight.name, std::move(value), forms(weight, index == list_.head()), use_.precision);
    }
  }

  /// Fresh weights for pretraining, as the family starts them.
  static std::shared_ptr<const Backbone> random(const Config& config, std::uint64_t seed, const Use<S>& use = {}) {
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

  const Config& config() const { return config_; }
  /// Which weights there are, in the order of weights().
  const WeightList& list() const { return list_; }
  const Documents& documents() const { return documents_; }
  const Use<S>& use() const { return use_; }
  const std::deque<Frozen<S, D>>& weights() const { return weights_; }
  /// A weight by its name. Error: none is called so.
  const Frozen<S, D>& weight(std::string_view name) const {
    for (const auto& weight : weights_)
      if (weight.name == name) return weight;
    fail("backbone: there is no weight '", name, "'; the first is ", weights_.front().name);
  }
  /// All weights, embedding and head included.
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
  /// Embeddings are looked up by rows, and a loss reads rows of the head. Below a residue beside the first FFN nothing
  /// is walked back: where it is, the first layer is packed anew in each step.
  Forms forms(const Weight& weight, bool head) const {
    if (use_.purpose == Purpose::finetuning || !(head || weight.kind.site)) return {.rows = true};
    const bool training = use_.purpose == Purpose::training;
    if (!head) return {.forward = true, .backward = training && weight.layer > 0};
    const bool loss = use_.purpose != Purpose::generation;
    return {.forward = true, .backward = training, .in_parts = loss, .rows = list_.tied};
  }
  Config config_;
  WeightList list_;
  Documents documents_;
  Use<S> use_;
  std::deque<Frozen<S, D>> weights_;
};

}}}  // namespace neutra::NEUTRA_ABI::nn
