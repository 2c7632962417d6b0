// expect: neutra: this policy's f and df serve one type; write  template <class S> S f(RowSums<S> sums) const  and
// template <class S> RowSlopes<S> df(RowSums<S> sums) const
#include "neutra/adapter/residue.hpp"

using namespace neutra;

struct Right {
  static constexpr std::string_view name = "right";
  static constexpr auto counts = penalty::Counts::original;
  template <class S> S f(RowSums<S> t) const { return t.square; }
  template <class S> RowSlopes<S> df(RowSums<S>) const { return {S(0), S(1)}; }
};
adapter::Residue<gate::Relu, body::GatedUnit, Right> right;

#ifdef NEUTRA_REJECT
struct Wrong : Right {
  float f(RowSums<float> t) const { return t.square; }
};
adapter::Residue<gate::Relu, body::GatedUnit, Wrong> wrong;
#endif
