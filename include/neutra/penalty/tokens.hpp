/// The tokens that a penalty counts, and the factor of its sum over them.
#pragma once

#include "neutra/core/scalar.hpp"

#include <cstdint>

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

/// Tokens of original-domain sequences, of target-domain sequences, or all of them.
enum class Counts { original, target, both };

/// The tokens that a value of Counts selects.
template <Scalar S> struct Share {
  // Device memory (N): 1 for the selected tokens of the batch, else 0; null selects all.
  const S* weight = nullptr;
  Index tokens = 0;  // their number in the batch
  S scale = 0;       // 1 / (layers * their number in the whole step), 0 if there are none
};

/// The tokens of a batch by the domain of their sequence. `target.weight` is also the label of each token, 0 original
/// or 1 target.
template <Scalar S> struct Domains {
  Share<S> original{}, target{}, both{};
  bool known = false;  // whether domains are given; otherwise weights and scales are unset

  const Share<S>& of(Counts counts) const {
    return counts == Counts::original ? original : counts == Counts::target ? target : both;
  }
};

}}}  // namespace neutra::NEUTRA_ABI::penalty
