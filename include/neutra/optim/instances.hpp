/// The instantiations of the optimizer in neutra::compiled (see backend/cpu/instances.hpp).
#pragma once

#include "neutra/backend/cpu/instances.hpp"
#include "neutra/optim/adamw.hpp"

#define NEUTRA_OPTIM_INSTANCES(KEYWORD, S, D) \
  KEYWORD class optim::GradientNorm<S, D>;    \
  KEYWORD class optim::AdamW<S, D>;

#if defined(NEUTRA_COMPILED)
namespace neutra { inline namespace NEUTRA_ABI {
NEUTRA_PROMISE(NEUTRA_OPTIM_INSTANCES)
}}  // namespace neutra::NEUTRA_ABI
#endif
