/// A gate chosen at run time.
#pragma once

#include "neutra/gate/family.hpp"
#include "neutra/op/pointwise.hpp"

#include <functional>

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// g = f(s), recorded      s, g: (N,1) or (N,d)
template <Gate G, Scalar S, Backend D> Var<S, D> apply(const G& gate, Var<S, D> s) { return pointwise(s, gate); }

/// dg/ds of every logit, in memory of the tape; not recorded      s, g: (N,1)
template <Gate G, Scalar S, Backend D> View<const S> slopes(const G& gate, Var<S, D> s, Var<S, D> g) {
  const View<S> slope(s.tape().template memory<S>(s.shape().size()), s.shape());
  const op::PointwiseSlope<S, G> kernel{op::lengthwise(s.value()), op::lengthwise(g.value()), op::lengthwise(slope),
                                        gate};
  D::template rows<S>(kernel.x.rows(), kernel.x.cols(), kernel);
  return slope;
}

/// Any gate, behind two functions; kernels are compiled once per gate, not once per combination of policies.
template <Scalar S, Backend D> class Any {
 public:
  // Checked in the constraint, so that its message comes before those of the kernels.
  template <Gate G>
  requires(check_gate<G>()) Any(const G& chosen)
      : traits_(gate::traits(chosen)),
        apply_([chosen](Var<S, D> s) { return gate::apply(chosen, s); }),
        slopes_([chosen](Var<S, D> s, Var<S, D> g) { return gate::slopes(chosen, s, g); }) {}

  friend Traits traits(const Any& any) { return any.traits_; }
  friend Var<S, D> apply(const Any& any, Var<S, D> s) { return any.apply_(s); }
  friend View<const S> slopes(const Any& any, Var<S, D> s, Var<S, D> g) { return any.slopes_(s, g); }

 private:
  Traits traits_;
  std::function<Var<S, D>(Var<S, D>)> apply_;
  std::function<View<const S>(Var<S, D>, Var<S, D>)> slopes_;
};

template <Scalar S, Backend D> inline constexpr bool may_skip<Any<S, D>> = true;  // known at run time

}}}  // namespace neutra::NEUTRA_ABI::gate
