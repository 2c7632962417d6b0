// expect: neutra: this policy's options cannot be read and set; write  template <class Self, class Visit> static void
#include "neutra/adapter/residue.hpp"

struct Right {
  static constexpr std::string_view name = "right";
  float slope = 1;
  template <class Self, class Visit> static void options(Self& self, const Visit& visit) { visit("slope", self.slope); }
  template <class V> V f(V s) const { return s * V(slope); }
  template <class V> V df(V, V) const { return V(slope); }
};
neutra::adapter::Residue<Right> right;

#ifdef NEUTRA_REJECT
struct Wrong {
  static constexpr std::string_view name = "wrong";
  float slope = 1;
  template <class Visit> void options(const Visit& visit) const { visit("slope", slope); }
  template <class V> V f(V s) const { return s * V(slope); }
  template <class V> V df(V, V) const { return V(slope); }
};
neutra::adapter::Residue<Wrong> wrong;
#endif
