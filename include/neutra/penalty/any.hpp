/// A penalty chosen at run time.
#pragma once

#include "neutra/penalty/family.hpp"

#include <functional>

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

/// Any penalty, behind a function; kernels are compiled once per penalty.
template <Scalar S, Backend D> class Any {
 public:
  template <Penalty P>
  Any(const P& chosen)
      : traits_(penalty::traits(chosen)),
        apply_([chosen](const Evidence<S, D>& e) { return penalty::apply(chosen, e); }) {
    static_assert(check_penalty<P>());
  }

  friend Traits traits(const Any& any) { return any.traits_; }
  friend Var<S, D> apply(const Any& any, const Evidence<S, D>& e) { return any.apply_(e); }

 private:
  Traits traits_;
  std::function<Var<S, D>(const Evidence<S, D>&)> apply_;
};

}}}  // namespace neutra::NEUTRA_ABI::penalty
