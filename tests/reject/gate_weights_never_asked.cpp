// expect: neutra: this Gate's weights would never train; write  std::vector<neutra::Weight>
#include "neutra/adapter/residue.hpp"

struct Right {
  static constexpr std::string_view name = "right";
  std::vector<neutra::Weight> weights(neutra::Index) const { return {{"bias", {1}, 0.0}}; }
  template <class V> V f(V s) const { return s; }
  template <class V> V df(V, V) const { return V(1); }
};
neutra::adapter::Residue<Right> right;

#ifdef NEUTRA_REJECT
struct Wrong {
  static constexpr std::string_view name = "wrong";
  std::vector<neutra::Weight> weights(neutra::Index, neutra::Index) const { return {{"bias", {1}, 0.0}}; }
  template <class V> V f(V s) const { return s; }
  template <class V> V df(V, V) const { return V(1); }
};
neutra::adapter::Residue<Wrong> wrong;
#endif
