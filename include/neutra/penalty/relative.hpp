/// The size of the residue relative to the output to which it is added.
#pragma once

#include "neutra/penalty/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

/// ||r|| / ||y||, y constant; value and derivative are 0 if y = 0, the derivative also if ||r|| ||y|| < 1e-30
struct Relative {
  static constexpr std::string_view name = "relative";
  static constexpr Counts counts = Counts::original;
  template <class S> NEUTRA_HD S f(RowSums<S> t) const {
    return t.joined > S(0) ? std::sqrt(t.square) / std::sqrt(t.joined) : S(0);
  }
  template <class S> NEUTRA_HD RowSlopes<S> df(RowSums<S> t) const {
    const S norms = std::sqrt(t.square) * std::sqrt(t.joined);
    return {S(0), norms > S(1e-30) ? S(0.5) / norms : S(0)};  // below 1e-30 the inverse overflows float
  }
};

}}}  // namespace neutra::NEUTRA_ABI::penalty
