// expect: neutra: this policy's function must compile for SIMD values; write math::select instead of if and ?:,
// math::exp instead of std::exp, V(2) instead of 2
#include "neutra/program/extend.hpp"

using namespace neutra;

struct Right {
  static constexpr std::string_view name = "right";
  template <class V> V f(V s) const { return math::select(s > V(0), s, V(0)); }
  template <class V> V df(V, V g) const { return g; }
};

#ifdef NEUTRA_REJECT
struct Wrong {
  static constexpr std::string_view name = "wrong";
  template <class V> V f(V s) const { return s > V(0) ? s : V(0); }
  template <class V> V df(V, V g) const { return g; }
};
int wrong(int argc, char** argv) { return program::extend_main<gate::All, Right, Wrong>(argc, argv); }
#endif
