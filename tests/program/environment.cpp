// Settings of stacks and threads, parsed as the OpenMP runtime parses them.
#include "neutra/program/environment.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

#include <sys/wait.h>
#include <unistd.h>

using namespace neutra;
using scratch::says;

TEST_CASE("environment: a stack size is read with its unit and white space around it") {
  constexpr std::uint64_t k = 1024;
  for (const auto& [text, bytes] : std::vector<std::pair<const char*, std::uint64_t>>{{"32", 32 * k},
                                                                                      {"32k", 32 * k},
                                                                                      {" 32 K ", 32 * k},
                                                                                      {"\t+32", 32 * k},
                                                                                      {"32768B", 32 * k},
                                                                                      {"4m", 4 * k * k},
                                                                                      {"2 G", 2 * k * k * k},
                                                                                      {"0", 0}}) {
    INFO(text);
    CHECK(program::stack_bytes(text) == bytes);
  }
  CHECK(program::stack_bytes("512", 1) == 512u);
  for (const char* text :
       {"", " ", "k", "x32", "32q", "32kb", "32 k x", "1.5M", "99999999999999999999", "18446744073709551615G"}) {
    INFO(text);
    CHECK_FALSE(program::stack_bytes(text));
  }
}

TEST_CASE("environment: a stack that is too small for the kernels is refused with the variable's name") {
  for (const char* name : {"KMP_STACKSIZE", "GOMP_STACKSIZE", "OMP_STACKSIZE"}) unsetenv(name);
  CHECK_FALSE(program::check_stacks());
  setenv("OMP_STACKSIZE", "32k", 1);
  CHECK(says([] { program::check_stacks(); },
             "OMP_STACKSIZE=32k: a thread's stack must have at least 256k, got 32768 bytes", "unset it"));
  setenv("OMP_STACKSIZE", "4M", 1);
  setenv("GOMP_STACKSIZE", "16", 1);
#ifdef __clang__  // libomp reads KMP_STACKSIZE first, then GOMP_STACKSIZE
  CHECK(says([] { program::check_stacks(); }, "GOMP_STACKSIZE=16: "));
  setenv("KMP_STACKSIZE", "1048576", 1);
  CHECK(program::check_stacks() == std::uint64_t{1} << 20);
  unsetenv("KMP_STACKSIZE");
#else
  CHECK(program::check_stacks() == std::uint64_t{4} << 20);  // the first one counts
#endif
  setenv("OMP_STACKSIZE", "much", 1);
  CHECK(says([] { program::check_stacks(); }, "GOMP_STACKSIZE=16: "));
  unsetenv("GOMP_STACKSIZE");
  CHECK_FALSE(program::check_stacks());
  unsetenv("OMP_STACKSIZE");
}

TEST_CASE("environment: as many threads are used as can be created") {
  CHECK(program::detail::try_threads(3, std::nullopt) == std::pair{Index{3}, 0});
  CHECK(program::detail::try_threads(0, std::nullopt) == std::pair{Index{0}, 0});
  CHECK(program::start_threads(omp_get_max_threads(), std::uint64_t{1} << 20).empty());
  if (geteuid() != 0) return;  // only root can become a user without other processes
  const auto made = [](rlim_t processes, Index wanted) {
    const pid_t child = fork();
    if (child == 0) {
      const rlimit limit{processes, processes};
      if (setrlimit(RLIMIT_NPROC, &limit) != 0 || setuid(61234) != 0) _exit(255);
      const auto [threads, error] = program::detail::try_threads(wanted, std::nullopt);
      _exit(static_cast<int>(threads) + (error == EAGAIN ? 100 : 0));
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return WEXITSTATUS(status);
  };
  CHECK(made(8, 3) == 3);
  CHECK(made(4, 3) == 3);
  CHECK(made(3, 3) == 102);
  CHECK(made(1, 3) == 100);
}
