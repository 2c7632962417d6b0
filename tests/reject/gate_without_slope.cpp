// expect: neutra: this Gate has no derivative; add  template <class V> V df(V s, V g) const;
#include "neutra/adapter/residue.hpp"

struct Right {
  static constexpr std::string_view name = "right";
  template <class V> V f(V s) const { return s; }
  template <class V> V df(V, V) const { return V(1); }
};
neutra::adapter::Residue<Right> right;

#ifdef NEUTRA_REJECT
struct Wrong {
  static constexpr std::string_view name = "wrong";
  template <class V> V f(V s) const { return s; }
};
neutra::adapter::Residue<Wrong> wrong;
#endif
