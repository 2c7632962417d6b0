/// An Instance of any adapter behind one interface.
#pragma once

#include "neutra/adapter/adapter.hpp"

#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// What a model's layers call, so that they are compiled once for all adapters. A dozen virtual calls per layer cost
/// nothing beside its matmuls.
template <Scalar S, Backend D> struct Attached {
  virtual ~Attached() = default;
  virtual std::vector<Parameter<S, D>*> parameters() = 0;
  virtual bool acts_at(Site) const = 0;
  virtual Var<S, D> apply(Site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>&) = 0;
};

/// The Instance of an adapter A.
template <class A, Scalar S, Backend D> struct AttachedInstance final : Attached<S, D> {
  typename A::template Instance<S, D> instance;

  AttachedInstance(const A& adapter, const Sizes& sizes, std::uint64_t seed) : instance(adapter, sizes, seed) {}
  std::vector<Parameter<S, D>*> parameters() override { return instance.parameters(); }
  bool acts_at(Site site) const override { return adapter::acts_at(instance, site); }
  Var<S, D> apply(Site site, Index layer, Var<S, D> x, Var<S, D> y, Pass<S, D>& pass) override {
    return instance.apply(site, layer, x, y, pass);
  }
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
