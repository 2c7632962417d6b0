/// No adapter: the backbone itself, or finetuning.
#pragma once

#include "neutra/adapter/adapter.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// Adds nothing, trains nothing.
struct None {
  static constexpr std::string_view name = "none";
  Description describe(const Sizes&) const { return {.kind = std::string(name)}; }

  template <Scalar S, Backend D> class Instance {
   public:
    Instance(const None&, const Sizes&, std::uint64_t) {}
    std::vector<Parameter<S, D>*> parameters() { return {}; }
    bool acts_at(Site) const { return false; }
    Var<S, D> apply(Site, Index, Var<S, D>, Var<S, D> y, Pass<S, D>&) { return y; }
    WeightChanges<S> weight_changes() { return {}; }
  };
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
