/// A penalty as one type, whatever it is: what a residue computes with.
#pragma once

#include "neutra/penalty/evidence.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

/// Any penalty, behind a function; kernels are compiled once per penalty.
template <Scalar S, Backend D> class Any : public Traits {
 public:
  using Weights = std::span<const Var<S, D>>;

  template <Penalty P>
  Any(const P& penalty)
      : Traits(checked(penalty)),
        loss_([](const Held& held, const Evidence<S, D>& e, Weights w) { return penalty::loss(held.as<P>(), e, w); }),
        with_([](const Held& held, const PolicyOptions& chosen) { return Any(with_options(held.as<P>(), chosen)); }) {}

  /// As penalty::loss.
  Var<S, D> loss(const Evidence<S, D>& e, Weights w) const { return loss_(policy, e, w); }
  /// The same penalty with some of its options set. Error: as with_options.
  Any with(const PolicyOptions& chosen) const { return with_(policy, chosen); }

 private:
  template <class P> static Traits checked(const P& penalty) {
    static_assert(check_penalty<P>());  // here, before anything else of it is compiled
    return traits(penalty);
  }

  Var<S, D> (*loss_)(const Held&, const Evidence<S, D>&, Weights);
  Any (*with_)(const Held&, const PolicyOptions&);
};

}}}  // namespace neutra::NEUTRA_ABI::penalty
