/// A type-erased penalty, chosen at run time.
#pragma once

#include "neutra/penalty/activations.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

/// A type-erased penalty. Kernels are compiled once per penalty.
template <Scalar S, Backend D> class Any : public Traits {
 public:
  using Weights = std::span<const Var<S, D>>;

  template <Penalty P>
  Any(const P& penalty)
      : Traits(checked(penalty)),
        loss_(
            [](const Held& held, const Activations<S, D>& e, Weights w) { return penalty::loss(held.as<P>(), e, w); }),
        with_([](const Held& held, const PolicyOptions& chosen) { return Any(with_options(held.as<P>(), chosen)); }) {}

  /// As penalty::loss.
  Var<S, D> loss(const Activations<S, D>& e, Weights w) const { return loss_(policy, e, w); }
  /// A copy of the penalty with some options changed. Error: as with_options.
  Any with(const PolicyOptions& chosen) const { return with_(policy, chosen); }

 private:
  template <class P> static Traits checked(const P& penalty) {
    static_assert(check_penalty<P>());  // before any other code of P is compiled
    return traits(penalty);
  }

  Var<S, D> (*loss_)(const Held&, const Activations<S, D>&, Weights);
  Any (*with_)(const Held&, const PolicyOptions&);
};

}}}  // namespace neutra::NEUTRA_ABI::penalty
