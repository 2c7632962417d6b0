// expect: neutra: this policy's function must compile for SIMD values; write math::select instead of if and ?:,
// math::exp instead of std::exp, V(2) instead of 2
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/op/gated.hpp"

using namespace neutra;

struct Right {
  template <class V> V f(V x) const { return math::select(x > V(0), x, V(0)); }
  template <class V> V df(V x, V) const { return math::select(x > V(0), V(1), V(0)); }
};
Var<float, Cpu> right(Var<float, Cpu> x) { return gated(pointwise(x, Right{}), x, Right{}); }

#ifdef NEUTRA_REJECT
struct Wrong : Right {
  template <class V> V df(V x, V) const {
    if (x > V(0)) return V(1);
    return V(0);
  }
};
Var<float, Cpu> wrong(Var<float, Cpu> x) { return gated(pointwise(x, Right{}), x, Wrong{}); }
#endif
