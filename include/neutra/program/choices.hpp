/// The program `choices`: multiple choice by likelihood.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/adapter/registry.hpp"
#if !defined(NEUTRA_COMPILED_PROGRAMS)
#include "neutra/program/run_choices.hpp"
#endif

#include <functional>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

int run_choices(int argc, const char* const* argv, const std::function<adapter::Registry()>& policies);

/// main() of choices. A user's own adapters and policies are named as in extend_main.
template <class Gates = gate::All, class... Own> int choices_main(int argc, const char* const* argv) {
  static_assert((adapter::Registry::check<Own>() && ...));
  return run_choices(argc, argv, adapter::Registry::with<Gates, Own...>);
}

}}}  // namespace neutra::NEUTRA_ABI::program
