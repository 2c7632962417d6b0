// expect: neutra: this Gate holds more than plain values; declare trainable parameters, so that every layer has its
// own:
#include "neutra/adapter/residue.hpp"
#include "neutra/backend/cpu/cpu.hpp"

#include <memory>

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
  std::shared_ptr<neutra::Parameter<float, neutra::Cpu>> bias;
  template <class V> V f(V s) const { return s; }
  template <class V> V df(V, V) const { return V(1); }
};
neutra::adapter::Residue<Wrong> wrong;
#endif
