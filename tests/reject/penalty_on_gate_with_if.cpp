// expect: neutra: this policy's function must compile for SIMD values; write math::select instead of if and ?:,
// math::exp instead of std::exp, V(2) instead of 2
#include "neutra/adapter/residue.hpp"

using namespace neutra;

struct Right {
  static constexpr std::string_view name = "right";
  static constexpr auto counts = penalty::Counts::both;
  template <class V> V f(V g, V, V label) const { return g * label; }
  template <class V> V dg(V, V, V label) const { return label; }
  template <class V> V ds(V, V, V) const { return V(0); }
};
adapter::Residue<gate::Relu, body::GatedUnit, Right> right;

#ifdef NEUTRA_REJECT
struct Wrong : Right {
  template <class V> V dg(V g, V, V label) const { return g > V(0) ? label : V(0); }
};
adapter::Residue<gate::Relu, body::GatedUnit, Wrong> wrong;
#endif
