/// What a gate may know of the tokens beside their values.
#pragma once

#include "neutra/core/scalar.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// The N rows of x are sequences of equal length, one after another: row n is position n % length of sequence
/// n / length.
struct Context {
  Index sequences = 0, length = 0;
};

}}}  // namespace neutra::NEUTRA_ABI::gate
