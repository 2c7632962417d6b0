/// The program `extend`, with the library's policies and a user's own.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/adapter/registry.hpp"
#if !defined(NEUTRA_COMPILED_PROGRAMS)
#include "neutra/program/run_extend.hpp"
#endif

#include <functional>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

int run_extend(int argc, const char* const* argv, const std::function<adapter::Registry()>& policies);

/// main() of extend. Gates: the gates to choose from. Own: a user's adapters, and policies of any family, chosen by
/// name:
///     int main(int argc, char** argv) { return neutra::program::extend_main<neutra::gate::All, Mine>(argc, argv); }
template <class Gates = gate::All, class... Own> int extend_main(int argc, const char* const* argv) {
  static_assert((adapter::Registry::check<Own>() && ...));
  return run_extend(argc, argv, adapter::Registry::with<Gates, Own...>);
}

}}}  // namespace neutra::NEUTRA_ABI::program
