/// A body chosen at run time.
#pragma once

#include "neutra/body/family.hpp"

#include <functional>

namespace neutra { inline namespace NEUTRA_ABI { namespace body {

/// Any body, behind two functions.
template <Scalar S, Backend D> struct Any {
  template <Body B>
  Any(const B& chosen)
      : name(B::name),
        weights([chosen](Index d, Index r) { return chosen.weights(d, r); }),
        forward([chosen](Var<S, D> x, std::span<const Var<S, D>> w) { return chosen.forward(x, w); }) {}

  std::string_view name;
  std::function<std::vector<Weight>(Index, Index)> weights;
  std::function<Var<S, D>(Var<S, D>, std::span<const Var<S, D>>)> forward;
};

}}}  // namespace neutra::NEUTRA_ABI::body
