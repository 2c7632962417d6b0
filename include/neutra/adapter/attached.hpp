/// An Instance of any adapter behind one interface.
#pragma once

#include "neutra/adapter/adapter.hpp"

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// What a model's layers call, so that they are compiled once for all adapters. A dozen virtual calls per layer cost
/// nothing beside its matmuls.
template <Scalar S, Backend D> struct Attached {
  virtual ~Attached() = default;
  virtual std::vector<Parameter<S, D>*> parameters() = 0;
  virtual bool acts_at(Site, const PassAttenuation&) const = 0;  // false where it is switched off
  virtual void check_attenuation(const Attenuation&) const = 0;
  virtual Var<S, D> apply(Site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>&) = 0;
  virtual WeightChanges<S> weight_changes() = 0;
};

/// y, or what an adapter puts in its place at a site, attenuated as the pass says.
template <Scalar S, Backend D>
Var<S, D> attenuated(Attached<S, D>& adapter, Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) {
  if (!adapter.acts_at(site, pass.attenuation)) return y;
  const auto adapted = adapter.apply(site, layer, x, y, pass);
  const auto scale = static_cast<S>(pass.attenuation.scale);
  return scale == S(1) ? adapted : add(y, add(adapted, y, S(-1)), scale);
}

/// The Instance of an adapter A.
template <class A, Scalar S, Backend D> struct AttachedInstance final : Attached<S, D> {
  typename A::template Instance<S, D> instance;

  /// base: the model that it is attached to
  AttachedInstance(const A& adapter, const Sizes& sizes, std::uint64_t seed, std::shared_ptr<BaseModel<S, D>> base)
      : instance(made(adapter, sizes, seed, std::move(base))) {}
  std::vector<Parameter<S, D>*> parameters() override { return instance.parameters(); }
  bool acts_at(Site site, const PassAttenuation& by) const override { return adapter::acts_at(instance, site, by); }
  void check_attenuation(const Attenuation& attenuation) const override {
    adapter::check_attenuation(instance, attenuation);
  }
  Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) override {
    return instance.apply(site, layer, x, y, pass);
  }
  WeightChanges<S> weight_changes() override {
    std::string_view kind = "adapter";
    if constexpr (requires { A::name; }) kind = A::name;
    return weight_changes_of<S>(instance, kind);
  }

 private:
  static auto made(const A& adapter, const Sizes& sizes, std::uint64_t seed, std::shared_ptr<BaseModel<S, D>> base) {
    using Instance = typename A::template Instance<S, D>;
    if constexpr (detail::TakesBaseModel<Instance, A, S, D>)
      return Instance(adapter, sizes, seed, std::move(base));
    else
      return Instance(adapter, sizes, seed);
  }
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
