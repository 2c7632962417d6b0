/// Which tokens a penalty counts, and what its sum over them is divided by.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <cstdint>

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

/// Tokens of original-domain sequences, of target-domain sequences, or all of them.
enum class Counts { original, target, both };

/// The tokens of one kind.
template <Scalar S> struct Share {
  const S* weight = nullptr;  // (N) 1 for these tokens of the batch, else 0; null for all. Device memory
  Index tokens = 0;           // of the batch
  S scale = 0;                // 1 / (layers * these tokens of the whole step), 0 where there are none
};

/// The tokens of a batch by the domain of their sequence. `target.weight` is also their label, 0 original or 1 target.
template <Scalar S> struct Domains {
  Share<S> original{}, target{}, both{};
  bool known = false;  // otherwise weights and scales mean nothing

  const Share<S>& of(Counts counts) const {
    return counts == Counts::original ? original : counts == Counts::target ? target : both;
  }
};

}}}  // namespace neutra::NEUTRA_ABI::penalty
