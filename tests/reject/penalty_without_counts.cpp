// expect: neutra: this Penalty does not declare which tokens it counts; add  static constexpr auto counts =
// neutra::penalty::Counts::original;
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
struct Wrong {
  static constexpr std::string_view name = "wrong";
  template <class S> S f(RowSums<S> t) const { return t.square; }
  template <class S> RowSlopes<S> df(RowSums<S>) const { return {S(0), S(1)}; }
};
adapter::Residue<gate::Relu, body::GatedUnit, Wrong> wrong;
#endif
