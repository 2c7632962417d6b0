// A user's own program: extend with a gate of one's own. Built as an executable of its own and run by own.cpp.
#include "neutra/program/extend.hpp"

namespace {

/// g = r / (1 + r),  r = max(0, s)
struct Saturating {
  static constexpr std::string_view name = "saturating";
  static constexpr bool exact_zero = true;
  template <class V> NEUTRA_HD V f(V s) const {
    const V r = neutra::math::relu(s);
    return r / (V(1) + r);
  }
  template <class V> NEUTRA_HD V df(V s, V g) const {
    return neutra::math::select(s > V(0), (V(1) - g) * (V(1) - g), V(0));
  }
};

}  // namespace

int main(int argc, char** argv) { return neutra::program::extend_main<neutra::gate::All, Saturating>(argc, argv); }
