/// An adapter chosen at run time.
#pragma once

#include "neutra/adapter/attached.hpp"

#include <functional>
#include <memory>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// An adapter that Any can hold. For another type, a compile-time error says what it lacks.
template <class A, class S, class D>
concept Attachable = check_adapter<A, S, D>() && check_described<A>();

/// Any adapter of one scalar and device, so that programs choose by name:
///     Any<float, DefaultDevice> chosen = Residue<>{};
template <Scalar S, Backend D> class Any {
  using Base = std::shared_ptr<BaseModel<S, D>>;

 public:
  // Checked in the constraint, so that its message precedes the errors of the members.
  template <class A>
  requires(!std::same_as<A, Any> && Attachable<A, S, D>) Any(const A& adapter)
      : kind_(A::name),
        settings_(settings_of(adapter)),
        local_loss_(local_loss_of(adapter)),
        must_be_first_(neutra::adapter::must_be_first(adapter)),
        describe_([adapter](const Sizes& sizes) { return adapter.describe(sizes); }),
        make_([adapter](const Sizes& sizes, std::uint64_t seed, const Base& base) -> std::unique_ptr<Attached<S, D>> {
          return std::make_unique<AttachedInstance<A, S, D>>(adapter, sizes, seed, base);
        }) {
    if constexpr (requires(const SimilarityOf& of) { adapter.allotted(of); })
      allotted_ = [adapter](const SimilarityOf& of) { return Any(adapter.allotted(of)); };
  }

  /// The adapter's name, and its settings as they were given, not resolved for a model.
  const std::string& kind() const { return kind_; }
  const Settings& settings() const { return settings_; }
  std::optional<penalty::Counts> local_loss() const { return local_loss_; }
  bool must_be_first() const { return must_be_first_; }
  Description describe(const Sizes& sizes) const { return describe_(sizes); }
  /// Itself if the adapter has no such member.
  Any allotted(const SimilarityOf& of) const { return allotted_ ? allotted_(of) : *this; }

  template <Scalar T, Backend E> class Instance {
    static_assert(
        std::same_as<S, T> && std::same_as<D, E>,
        "neutra: adapter::Any<S, D> serves models of the same scalar and device; write the model's own into it");

   public:
    Instance(const Any& any, const Sizes& sizes, std::uint64_t seed, const Base& base)
        : held_(any.make_(sizes, seed, base)) {}
    std::vector<Parameter<S, D>*> parameters() { return held_->parameters(); }
    bool acts_at(Site site, const PassAttenuation& by = {}) const { return held_->acts_at(site, by); }
    void check_attenuation(const Attenuation& attenuation) const { held_->check_attenuation(attenuation); }
    Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
      return held_->apply(site, layer, x, y, pass);
    }
    WeightChanges<S> weight_changes() { return held_->weight_changes(); }

   private:
    std::unique_ptr<Attached<S, D>> held_;
  };

 private:
  std::string kind_;
  Settings settings_;
  std::optional<penalty::Counts> local_loss_;
  bool must_be_first_;
  std::function<Description(const Sizes&)> describe_;
  std::function<Any(const SimilarityOf&)> allotted_;  // empty: the adapter has no such member
  std::function<std::unique_ptr<Attached<S, D>>(const Sizes&, std::uint64_t, const Base&)> make_;
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
