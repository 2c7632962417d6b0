/// What a gate may read besides x.
#pragma once

#include "neutra/core/scalar.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace gate {

/// The N rows of x are sequences of equal length, one after another.
/// Row n is position past + n % length of sequence n / length.
struct Context {
  Index sequences = 0, length = 0;
  Index past = 0;  // tokens of a sequence that were read in passes before (see Past)
};

}}}  // namespace neutra::NEUTRA_ABI::gate
