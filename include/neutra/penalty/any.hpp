/// A penalty as one type, whatever it is: what a residue computes with.
#pragma once

#include "neutra/penalty/evidence.hpp"

#include <functional>

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

/// Any penalty, behind a function; kernels are compiled once per penalty.
template <Scalar S, Backend D> struct Any : Traits {
  using Weights = std::span<const Var<S, D>>;

  template <Penalty P>
  Any(const P& penalty)
      : Traits(checked(penalty)),
        loss([penalty](const Evidence<S, D>& e, Weights w) { return penalty::loss(penalty, e, w); }),
        with([penalty](const PolicyOptions& chosen) { return Any(with_options(penalty, chosen)); }) {}

  std::function<Var<S, D>(const Evidence<S, D>&, Weights w)> loss;
  /// The same penalty with some of its options set. Error: as with_options.
  std::function<Any(const PolicyOptions&)> with;

 private:
  template <class P> static Traits checked(const P& penalty) {
    static_assert(check_penalty<P>());  // here, before anything else of it is compiled
    return traits(penalty);
  }
};

}}}  // namespace neutra::NEUTRA_ABI::penalty
