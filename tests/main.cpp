// Catch2 2 needs its main function compiled in one file; Catch2 3 provides it in a library.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif

#include "neutra/backend/cpu/fork_cost.hpp"

// Tests that compare numbers of threads need these threads on a busy machine too.
[[maybe_unused]] static const bool always_fork = [] {
  neutra::cpu::ForkCost::enabled = false;
  return true;
}();
