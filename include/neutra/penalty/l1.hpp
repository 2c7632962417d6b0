/// The local loss of the paper.
#pragma once

#include "neutra/penalty/family.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

/// sum |r| / d      derivative 0 at r = 0      arXiv 2410.02744
struct L1 {
  static constexpr std::string_view name = "l1";
  static constexpr Counts counts = Counts::original;
  template <class S> NEUTRA_HD S f(RowSums<S> t) const { return t.absolute / t.channels; }
  template <class S> NEUTRA_HD RowSlopes<S> df(RowSums<S> t) const { return {S(1) / t.channels, S(0)}; }
};

}}}  // namespace neutra::NEUTRA_ABI::penalty
