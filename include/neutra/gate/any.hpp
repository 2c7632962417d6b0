/// A gate chosen at run time.
#pragma once

#include "neutra/gate/family.hpp"
#include "neutra/op/pointwise.hpp"

#include <array>
#include <cstring>

namespace neutra::inline NEUTRA_ABI::gate {

/// g = f(s), recorded      s, g: (N,1) or (N,d)
template <Gate G, Scalar S, Backend D> Var<S, D> apply(const G& gate, Var<S, D> s) { return pointwise(s, gate); }

/// dg/ds of every logit, in memory of the tape; not recorded      s, g: (N,1)
template <Gate G, Scalar S, Backend D> View<const S> slopes(const G& gate, Var<S, D> s, Var<S, D> g) {
  const View<S> slope(s.tape().template memory<S>(s.shape().size()), s.shape());
  D::template rows<S>(s.shape().rows(), s.shape().cols(), op::PointwiseSlope<S, G>{s.value(), g.value(), slope, gate});
  return slope;
}

/// Any gate behind three function pointers, so that programs choose by name and kernels are compiled once per gate, not once per combination of
/// policies. Holds the gate's options by value: at most 32 bytes, trivially copyable.
template <Scalar S, Backend D> class Any {
 public:
  template <Gate G> Any(const G& gate) : traits_(gate::traits(gate)), apply_(&call_apply<G>), slopes_(&call_slopes<G>) {
    static_assert(std::is_trivially_copyable_v<G> && sizeof(G) <= sizeof(options_),
                  "neutra: a gate chosen at run time must be trivially copyable and at most 32 bytes");
    std::memcpy(options_.data(), &gate, sizeof(G));
  }

  friend Traits traits(const Any& any) { return any.traits_; }
  friend Var<S, D> apply(const Any& any, Var<S, D> s) { return any.apply_(any, s); }
  friend View<const S> slopes(const Any& any, Var<S, D> s, Var<S, D> g) { return any.slopes_(any, s, g); }

 private:
  template <Gate G> G as() const {
    G gate;
    std::memcpy(&gate, options_.data(), sizeof(G));
    return gate;
  }
  template <Gate G> static Var<S, D> call_apply(const Any& any, Var<S, D> s) { return pointwise(s, any.as<G>()); }
  template <Gate G> static View<const S> call_slopes(const Any& any, Var<S, D> s, Var<S, D> g) { return gate::slopes(any.as<G>(), s, g); }

  Traits traits_;
  std::array<std::byte, 32> options_{};
  Var<S, D> (*apply_)(const Any&, Var<S, D>);
  View<const S> (*slopes_)(const Any&, Var<S, D>, Var<S, D>);
};

template <Scalar S, Backend D> inline constexpr bool may_skip<Any<S, D>> = true;  // known at run time

}  // namespace neutra::inline NEUTRA_ABI::gate
