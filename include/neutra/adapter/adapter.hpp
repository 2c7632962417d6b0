/// The concept of an adapter, and the state of a forward pass that it may read.
///
/// An adapter is a small struct of policies and options, without weights. Attached to a model it is an Instance, which
/// holds the weights:
///   template <Scalar S, Backend D> class Instance with
///     Instance(description, const adapter::Sizes&, std::uint64_t seed)
///         or, to read the frozen weights or run layers with others, with a fourth parameter
///         std::shared_ptr<adapter::BaseModel<S,D>> (adapter/base_model.hpp)
///     std::vector<Parameter<S,D>*> parameters()
///         the trainable parameters, in a fixed order
///     bool acts_at(Site) const
///         optional: whether it reads or changes anything at that site; without it, it acts everywhere
///     Var<S,D> apply(Site, Index layer, Var<S,D> x, Var<S,D> y, Pass<S,D>&)
///         called at each site where it acts; x is the input of the site, y its output. Returns y or its replacement.
///         Called again in the backward pass where layers are recomputed: it must compute the same values, and keep
///         nothing of the tape from layer to layer. At Site::layer x and y are the residual stream
///     WeightChanges<S> weight_changes()
///         optional: what it adds to the weights of the model (adapter/weight_changes.hpp), so that it can be merged
///         and exported. Error: why no weights compute the same
/// To be saved, compared and named in programs, the struct also has
///   static constexpr std::string_view name
///       its kind
///   Description describe(const Sizes&) const
///       what is saved of it, in a model of these sizes
///   static void settings(self, visit)
///       optional: its settings by name (adapter/settings.hpp)
///   std::optional<penalty::Counts> local_loss() const
///       optional: which tokens its local loss counts; without it, it has no local loss
///   Mine allotted(const SimilarityOf&) const
///       optional: itself, distributed over the layers by the similarity of the domains in each, which it may ask for;
///       studies ask for this once the backbone is there
///   bool must_be_first() const
///       optional: whether it assumes that y is the backbone's own, so that no model with an adapter is extended by it;
///       without it, it does not
/// Where no adapter acts, residual sums are fused into the matmul, and values between two matmuls are stored in the
/// precision of the step.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/adapter/attenuation.hpp"
#include "neutra/adapter/base_model.hpp"
#include "neutra/adapter/probe.hpp"
#include "neutra/adapter/settings.hpp"
#include "neutra/adapter/sizes.hpp"
#include "neutra/adapter/weight_changes.hpp"
#include "neutra/core/options.hpp"
#include "neutra/core/random.hpp"
#include "neutra/gate/context.hpp"
#include "neutra/penalty/tokens.hpp"

#include <concepts>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI {

/// The state of a forward pass besides its tokens. Each layer gets a copy; adapters read it and add to `local`.
template <Scalar S, Backend D> struct Pass {
  Tape<S, D>& tape;
  /// The domain of each sequence, and the divisors of sums over tokens.
  penalty::Domains<S> domains{};
  /// How the rows of x and y form sequences.
  gate::Context tokens{};
  /// Sum of the local losses so far; in apply(), those of this layer.
  std::optional<Var<S, D>> local{};
  /// Counts open gates in an evaluation; null in training.
  adapter::Probe<S, D>* probe = nullptr;
  /// Whether local losses are computed; not those of an adapter that is fixed.
  bool local_losses = true;
  /// Of the adapter that is applied, in evaluation; the default in training.
  adapter::PassAttenuation attenuation{};
  /// The share of the steps of training that are done, from 0 to below 1.
  double progress = 0;

  void add_local(Var<S, D> loss) { local = local ? neutra::add(*local, loss) : loss; }
};

namespace adapter {

/// What is saved beside an adapter's weights. The settings are resolved for one model: a width that follows from the
/// capacity is given as a number.
struct Description {
  std::string kind{};
  Settings settings{};
  Index weights = 0;  // all that it adds, including gates
};

/// Computes the similarity of the domains in each layer (train/domain_similarity.hpp).
using SimilarityOf = std::function<std::vector<double>()>;

/// Which tokens the local loss of an adapter counts; empty if it has none.
template <class A> std::optional<penalty::Counts> local_loss_of(const A& adapter) {
  if constexpr (requires { adapter.local_loss(); })
    return adapter.local_loss();
  else
    return std::nullopt;
}

/// Whether an adapter cannot extend a model that has one already, since it would not start as that model.
template <class A> bool must_be_first(const A& adapter) {
  if constexpr (requires { adapter.must_be_first(); })
    return adapter.must_be_first();
  else
    return false;
}

/// Whether an adapter acts at a site. Without acts_at it may act at any. One that holds others may ask which of them
/// are switched off: acts_at(Site, const PassAttenuation& by = {}).
template <class Instance> bool acts_at(const Instance& instance, Site site, const PassAttenuation& by = {}) {
  if (by.off()) return false;
  if constexpr (requires { instance.acts_at(site, by); })
    return instance.acts_at(site, by);
  else if constexpr (requires { instance.acts_at(site); })
    return instance.acts_at(site);
  else
    return true;
}

/// Error: an attenuation of other adapters than an attached one holds. One that holds others has a member
/// check_attenuation.
template <class Instance> void check_attenuation(const Instance& instance, const Attenuation& attenuation) {
  if constexpr (requires { instance.check_attenuation(attenuation); })
    instance.check_attenuation(attenuation);
  else
    require(attenuation.members.empty(), "attenuation: one adapter has no members, got the attenuation of ",
            attenuation.members.size(), "; set its scale and threshold alone");
}

/// The changes of weights that compute what an attached adapter computes. Error: its own, or that it states none;
/// `kind` begins the message.
template <Scalar S, class Instance> WeightChanges<S> weight_changes_of(Instance& instance, std::string_view kind) {
  if constexpr (requires { instance.weight_changes(); })
    return instance.weight_changes();
  else
    fail(kind, ": this adapter does not say what it adds to weights; its Instance needs a member weight_changes()");
}

namespace detail {
template <class A, class S, class D>
concept HasInstance = requires {
  typename A::template Instance<S, D>;
};
/// The Instance of A is constructed with the model that it is attached to.
template <class Instance, class A, class S, class D>
concept TakesBaseModel =
    std::constructible_from<Instance, const A&, const Sizes&, std::uint64_t, std::shared_ptr<BaseModel<S, D>>>;
template <class Instance, class A, class S, class D>
concept Constructible =
    TakesBaseModel<Instance, A, S, D> || std::constructible_from<Instance, const A&, const Sizes&, std::uint64_t>;
template <class Instance, class S, class D>
concept HasParameters = requires(Instance& instance) {
  { instance.parameters() } -> std::convertible_to<std::vector<Parameter<S, D>*>>;
};
template <class Instance, class S, class D>
concept HasApply = requires(Instance& instance, Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
  { instance.apply(site, layer, x, y, pass) } -> std::same_as<Var<S, D>>;
};
/// acts_at has the right signature, or there is no member of that name.
template <class Instance>
concept ActsWhereSaid = requires(const Instance& instance, Site site) {
  { instance.acts_at(site) } -> std::convertible_to<bool>;
}
|| !requires { &Instance::acts_at; };
}  // namespace detail

/// One message for each missing part that an adapter needs to be attached to a model of scalar S on device D.
template <class A, Scalar S, Backend D> consteval bool check_adapter() {
  static_assert(
      detail::HasInstance<A, S, D>,
      "neutra: this adapter has no Instance; add  template <neutra::Scalar S, neutra::Backend D> class Instance;");
  if constexpr (detail::HasInstance<A, S, D>) {
    using Instance = typename A::template Instance<S, D>;
    static_assert(detail::Constructible<Instance, A, S, D>,
                  "neutra: this adapter's Instance cannot be made; add  Instance(const Mine& described, const "
                  "neutra::adapter::Sizes& sizes, std::uint64_t "
                  "seed);  with the adapter's own name for Mine");
    static_assert(detail::HasParameters<Instance, S, D>,
                  "neutra: this adapter's Instance does not say what it trains; add  std::vector<neutra::Parameter<S, "
                  "D>*> parameters();");
    static_assert(detail::HasApply<Instance, S, D>,
                  "neutra: this adapter's Instance cannot be applied; write  neutra::Var<S, D> "
                  "apply(neutra::adapter::Site site, neutra::Index layer, neutra::Var<S, D> x, neutra::Var<S, D> y, "
                  "neutra::Pass<S, D>& pass);");
    static_assert(
        detail::ActsWhereSaid<Instance>,
        "neutra: this adapter's acts_at would never be asked; write  bool acts_at(neutra::adapter::Site site) const;");
  }
  return true;
}

/// Likewise for the members by which an adapter is saved and named in results.
template <class A> consteval bool check_described() {
  static_assert(
      requires {
        { A::name } -> std::convertible_to<std::string_view>;
      },
      "neutra: this adapter has no name; add  static constexpr std::string_view name = \"...\";");
  static_assert(
      requires(const A& adapter, const Sizes& sizes) {
        { adapter.describe(sizes) } -> std::same_as<Description>;
      },
      "neutra: this adapter does not describe itself; add  neutra::adapter::Description describe(const "
      "neutra::adapter::Sizes& sizes) const;");
  return true;
}

/// Normal values of the given variance, drawn on the host from (seed, name, element).
template <Scalar S, Backend D>
Tensor<S, D> normal_tensor(const Shape& shape, double variance, std::uint64_t seed, std::string_view name) {
  Tensor<S, D> tensor(shape);
  if (variance == 0) return tensor;
  require(variance > 0 && std::isfinite(variance), name, ": the initial variance must be positive and finite, got ",
          variance);
  const Philox random(seed, name);
  std::vector<S> values(static_cast<std::size_t>(shape.size()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<S>(std::sqrt(variance) * random.normal(0, i));
  D::template upload<S>(std::span<const S>(values), tensor.data());
  return tensor;
}

/// A tensor filled with one value.
template <Scalar S, Backend D> Tensor<S, D> constant_tensor(const Shape& shape, double value) {
  Tensor<S, D> tensor(shape);
  const std::vector<S> values(static_cast<std::size_t>(shape.size()), static_cast<S>(value));
  D::template upload<S>(std::span<const S>(values), tensor.data());
  return tensor;
}

/// A positive number to three digits, rounded up, so that a message can name the least value that is enough.
inline double rounded_up(double value) {
  const double scale = std::pow(10.0, 2 - std::floor(std::log10(value)));
  return std::ceil(value * scale) / scale;
}

/// The rank or width whose weights come nearest to `share` of the block weights: weights = layers * (fixed + per_unit *
/// units), with at least one unit; layers: those that get it. Error: a capacity that is too small for one unit, or too
/// large.
inline Index units_for(double share, Index fixed, Index per_unit, Index block_weights, Index layers,
                       std::string_view what) {
  require(share > 0 && std::isfinite(share), what, ": capacity must be positive, got ", share);
  const double budget = share * static_cast<double>(block_weights) / static_cast<double>(layers);
  const double units = (budget - static_cast<double>(fixed)) / static_cast<double>(per_unit);
  require(units >= 0.5, what, ": a capacity of ", share, " leaves no room beside ", fixed,
          " fixed weights in a layer; raise the capacity to at least ",
          rounded_up((static_cast<double>(fixed) + 0.5 * static_cast<double>(per_unit)) * static_cast<double>(layers) /
                     static_cast<double>(block_weights)));
  require(units < 1e9, what, ": a capacity of ", share, " is too large for any machine");
  return static_cast<Index>(units + 0.5);
}

}  // namespace adapter
}}  // namespace neutra::NEUTRA_ABI
