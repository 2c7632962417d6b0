/// The program `evaluate`: bits per byte of a text.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/adapter/registry.hpp"
#if !defined(NEUTRA_COMPILED_PROGRAMS)
#include "neutra/program/run_evaluate.hpp"
#endif

#include <functional>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

int run_evaluate(int argc, const char* const* argv, const std::function<adapter::Registry()>& policies);

/// main() of evaluate. A user's own adapters and policies are named as in extend_main.
template <class Gates = gate::All, class... Own> int evaluate_main(int argc, const char* const* argv) {
  static_assert((adapter::Registry::check<Own>() && ...));
  return run_evaluate(argc, argv, adapter::Registry::with<Gates, Own...>);
}

}}}  // namespace neutra::NEUTRA_ABI::program
