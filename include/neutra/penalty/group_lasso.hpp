/// Sparsity over tokens: drives the residue of whole tokens to zero.
#pragma once

#include "neutra/penalty/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

/// sqrt(sum r^2 / d)      derivative taken as 0 at r = 0      Yuan & Lin 2006
struct GroupLasso {
  static constexpr std::string_view name = "group_lasso";
  static constexpr Counts counts = Counts::original;
  template <class S> NEUTRA_HD S f(RowSums<S> t) const { return std::sqrt(t.square / t.channels); }
  template <class S> NEUTRA_HD RowSlopes<S> df(RowSums<S> t) const {
    return {S(0), t.square > S(0) ? S(0.5) / std::sqrt(t.square * t.channels) : S(0)};
  }
};

}}}  // namespace neutra::NEUTRA_ABI::penalty
