// expect: neutra: this policy's f and df serve one type; write  template <class V> V f(V s) const  and  template <class
// V> V df(V s, V g) const
#include "neutra/neutra.hpp"

struct Right {
  static constexpr std::string_view name = "right";
  template <class V> V f(V s) const { return s; }
  template <class V> V df(V, V g) const { return g; }
};
neutra::adapter::Residue<Right> right;

#ifdef NEUTRA_REJECT
struct Wrong {
  static constexpr std::string_view name = "wrong";
  float f(float s) const { return s; }
  template <class V> V df(V, V g) const { return g; }
};
neutra::adapter::Residue<Wrong> wrong;
#endif
