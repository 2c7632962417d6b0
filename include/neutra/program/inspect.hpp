/// The program `inspect`: what training did to an adapter, and where its gates open.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/adapter/registry.hpp"
#if !defined(NEUTRA_COMPILED_PROGRAMS)
#include "neutra/program/run_inspect.hpp"
#endif

#include <functional>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

int run_inspect(int argc, const char* const* argv, const std::function<adapter::Registry()>& policies);

/// main() of inspect. A user's own adapters and policies are named as in extend_main.
template <class Gates = gate::All, class... Own> int inspect_main(int argc, const char* const* argv) {
  static_assert((adapter::Registry::check<Own>() && ...));
  return run_inspect(argc, argv, adapter::Registry::with<Gates, Own...>);
}

}}}  // namespace neutra::NEUTRA_ABI::program
