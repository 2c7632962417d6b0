/// What work throws that was asked to stop.
#pragma once

#include "neutra/core/error.hpp"

namespace neutra::inline NEUTRA_ABI::train {

/// Thrown when work was asked to stop and has ended at a whole step; what was done is saved where there is a place to save it.
class Stopped : public Error {
 public:
  using Error::Error;
};

}  // namespace neutra::inline NEUTRA_ABI::train
