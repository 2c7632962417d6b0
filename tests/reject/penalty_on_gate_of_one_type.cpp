// expect: neutra: this policy's f, dg or ds serves one type; write  template <class V> V f(V g, V s, V label) const,
// and dg and ds likewise
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
  float dg(float, float, float label) const { return label; }
};
adapter::Residue<gate::Relu, body::GatedUnit, Wrong> wrong;
#endif
