// Catch2 2 wants its main compiled into one file of the program; Catch2 3 brings it as a library.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif

#include "neutra/backend/cpu/fork_cost.hpp"

// Tests that compare numbers of threads must have these threads, on a machine that is busy too.
[[maybe_unused]] static const bool always_fork = [] {
  neutra::cpu::ForkCost::enabled = false;
  return true;
}();
