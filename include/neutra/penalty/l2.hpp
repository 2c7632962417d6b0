/// A penalty that weighs large residues most.
#pragma once

#include "neutra/penalty/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

/// sum r^2 / d
struct L2 {
  static constexpr std::string_view name = "l2";
  static constexpr Counts counts = Counts::original;
  template <class S> NEUTRA_HD S f(RowSums<S> t) const { return t.square / t.channels; }
  template <class S> NEUTRA_HD RowSlopes<S> df(RowSums<S> t) const { return {S(0), S(1) / t.channels}; }
};

}}}  // namespace neutra::NEUTRA_ABI::penalty
