// expect: neutra: this policy's function must compile for SIMD values; write math::select instead of if and ?:,
// math::exp instead of std::exp, V(2) instead of 2
#include "neutra/adapter/residue.hpp"

struct Right {
  static constexpr std::string_view name = "right";
  template <class V> V f(V) const { return V(0); }
  template <class V> V df(V, V g) const { return g; }
};
neutra::adapter::Residue<Right> right;

#ifdef NEUTRA_REJECT
struct Wrong {
  static constexpr std::string_view name = "wrong";
  template <class V> V f(V) const { return 0; }
  template <class V> V df(V, V g) const { return g; }
};
neutra::adapter::Residue<Wrong> wrong;
#endif
