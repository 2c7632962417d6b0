/// The program `merge`: an adapter in the weights of its model, or a LoRA in the layout of PEFT.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/adapter/registry.hpp"
#if !defined(NEUTRA_COMPILED_PROGRAMS)
#include "neutra/program/run_merge.hpp"
#endif

#include <functional>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

int run_merge(int argc, const char* const* argv, const std::function<adapter::Registry()>& policies);

/// main() of merge. A user's own adapters and policies are named as in extend_main.
template <class Gates = gate::All, class... Own> int merge_main(int argc, const char* const* argv) {
  static_assert((adapter::Registry::check<Own>() && ...));
  return run_merge(argc, argv, adapter::Registry::with<Gates, Own...>);
}

}}}  // namespace neutra::NEUTRA_ABI::program
