// expect: neutra: this Gate's logit would never be called; write  template <neutra::Scalar S, neutra::Backend D>
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/gate/any.hpp"

using namespace neutra;

struct Right {
  static constexpr std::string_view name = "right";
  template <class V> V f(V s) const { return s; }
  template <class V> V df(V, V) const { return V(1); }
  template <Scalar S, Backend D>
  Var<S, D> logit(Var<S, D> x, std::span<const Var<S, D>> w, const gate::Context&) const {
    return linear(x, w[0]);
  }
};
gate::Any<float, Cpu> right{Right{}};

#ifdef NEUTRA_REJECT
struct Wrong {
  static constexpr std::string_view name = "wrong";
  template <class V> V f(V s) const { return s; }
  template <class V> V df(V, V) const { return V(1); }
  template <Scalar S, Backend D> Var<S, D> logit(Var<S, D> x, std::span<const Var<S, D>> w) const {
    return linear(x, w[0]);
  }
};
gate::Any<float, Cpu> wrong{Wrong{}};
#endif
