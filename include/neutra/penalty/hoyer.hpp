/// Scale-invariant sparsity over the channels of a token.
#pragma once

#include "neutra/penalty/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

/// ((sum |r|)^2 / sum r^2) / d: 1/d if one channel is not 0, 1 if all are equal; value and derivative are 0 where
/// sum r^2 < 1e-30      Hoyer 2004
struct Hoyer {
  static constexpr std::string_view name = "hoyer";
  static constexpr Counts counts = Counts::original;
  static constexpr double floor = 1e-30;  // below it the derivative overflows float
  template <class S> NEUTRA_HD S f(RowSums<S> t) const {
    return t.square > S(floor) ? t.absolute * t.absolute / t.square / t.channels : S(0);
  }
  template <class S> NEUTRA_HD RowSlopes<S> df(RowSums<S> t) const {
    if (!(t.square > S(floor))) return {S(0), S(0)};
    const S ratio = t.absolute / t.square;
    return {S(2) * ratio / t.channels, -ratio * ratio / t.channels};
  }
};

}}}  // namespace neutra::NEUTRA_ABI::penalty
