// expect: neutra: this Gate's f takes parameters, but it has no derivatives by them; add  template <class V>
#include "neutra/adapter/residue.hpp"

struct Right {
  static constexpr std::string_view name = "right";
  std::vector<neutra::Weight> weights(neutra::Index) const { return {{"bias", {1}, 0.0}}; }
  template <class V> V f(V s, neutra::Parameters<V, 1> p) const { return s + p[0]; }
  template <class V> V df(V, V, neutra::Parameters<V, 1>) const { return V(1); }
  template <class V> neutra::Parameters<V, 1> dp(V, V, neutra::Parameters<V, 1>) const { return {{V(1)}}; }
};
neutra::adapter::Residue<Right> right;

#ifdef NEUTRA_REJECT
struct Wrong {
  static constexpr std::string_view name = "wrong";
  std::vector<neutra::Weight> weights(neutra::Index) const { return {{"bias", {1}, 0.0}}; }
  template <class V> V f(V s, neutra::Parameters<V, 1> p) const { return s + p[0]; }
  template <class V> V df(V, V, neutra::Parameters<V, 1>) const { return V(1); }
};
neutra::adapter::Residue<Wrong> wrong;
#endif
