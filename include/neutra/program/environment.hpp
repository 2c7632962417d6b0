/// Preparations before a program's first parallel region: check stack sizes, and start the threads.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/program/cpu_quota.hpp"

#include <omp.h>
#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <latch>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

/// The smallest stack of a thread, in bytes. The largest frames are those of matmul, which hold copied rows and a tile
/// of sums: training with every method crashed with 40 kB and ran with 48 (AVX-512, g++ 12.2). The rest is margin for
/// other compilers, instruction sets and the system.
inline constexpr std::uint64_t least_stack = 256 << 10;

/// Parses a value such as that of OMP_STACKSIZE the way the OpenMP runtime does: a number and optionally one of B K M G
/// in either case, with white space allowed around both. Without a letter, the number is in `unit` bytes. Empty for
/// anything else; the runtime ignores such values with a message.
inline std::optional<std::uint64_t> stack_bytes(std::string_view value, std::uint64_t unit = 1024) {
  const auto skip = [&] { value.remove_prefix(std::min(value.find_first_not_of(" \t\n\v\f\r"), value.size())); };
  skip();
  if (value.starts_with('+')) value.remove_prefix(1);
  std::uint64_t number = 0;
  const auto end = std::from_chars(value.data(), value.data() + value.size(), number);
  if (end.ec != std::errc{}) return std::nullopt;
  value.remove_prefix(static_cast<std::size_t>(end.ptr - value.data()));
  skip();
  constexpr std::string_view letters = "bBkKmMgG";
  if (const auto letter = value.empty() ? letters.npos : letters.find(value.front()); letter != letters.npos) {
    unit = std::uint64_t{1} << (10 * (letter / 2));
    value.remove_prefix(1);
    skip();
  }
  if (!value.empty() || number > std::numeric_limits<std::uint64_t>::max() / unit) return std::nullopt;
  return number * unit;
}

/// The stack size of OpenMP threads that the environment sets, in bytes; empty if it sets none and the system's default
/// applies. Error: that size, or the system's limit, is below least_stack; the program would crash in its first matmul.
inline std::optional<std::uint64_t> check_stacks() {
  rlimit limit{};
  const bool limited = ::getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  require(!limited || limit.rlim_cur >= least_stack, "the stack must have at least ", least_stack >> 10, " kB, got ",
          limit.rlim_cur >> 10, " kB; raise it: ulimit -s 8192");
// libomp reads KMP_STACKSIZE first, in bytes; libgomp does not know it.
#ifdef __clang__
  constexpr std::array<std::pair<const char*, std::uint64_t>, 3> variables{
      {{"KMP_STACKSIZE", 1}, {"GOMP_STACKSIZE", 1024}, {"OMP_STACKSIZE", 1024}}};
#else
  constexpr std::array<std::pair<const char*, std::uint64_t>, 2> variables{
      {{"OMP_STACKSIZE", 1024}, {"GOMP_STACKSIZE", 1024}}};
#endif
  for (const auto& [name, unit] : variables) {
    const char* value = std::getenv(name);
    const auto bytes = value ? stack_bytes(value, unit) : std::nullopt;
    if (!bytes) continue;
    require(*bytes >= least_stack, name, "=", value, ": a thread's stack must have at least ", least_stack >> 10,
            "k, got ", *bytes, " bytes; set it to at least that, or unset it");
    return bytes;  // the first valid value counts
  }
  return std::nullopt;
}

namespace detail {

/// The number of threads of this process according to the system; 0 if unknown.
inline std::size_t counted_threads() {
  std::error_code none;
  const std::filesystem::directory_iterator tasks("/proc/self/task", none);
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

/// Creates up to `wanted` simultaneous threads and joins them. Returns how many could be created, and the error of the
/// first that could not.
inline std::pair<Index, int> try_threads(Index wanted, std::optional<std::uint64_t> stack) {
  const std::size_t before = counted_threads();
  pthread_attr_t settings;
  pthread_attr_init(&settings);
  if (stack) pthread_attr_setstacksize(&settings, *stack);
  std::latch all_made(1);
  std::vector<pthread_t> threads;
  int error = 0;
  while (error == 0 && static_cast<Index>(threads.size()) < wanted) {
    pthread_t thread;
    error = pthread_create(
        &thread, &settings,
        [](void* latch) -> void* {
          static_cast<std::latch*>(latch)->wait();
          return nullptr;
        },
        &all_made);
    if (error == 0) threads.push_back(thread);
  }
  all_made.count_down();
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  pthread_attr_destroy(&settings);
  // The system counts a joined thread a moment longer.
  for (int tries = 0; tries < 1000 && counted_threads() > before; ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return {static_cast<Index>(threads.size()), error};
}

}  // namespace detail

/// The default number of threads: OMP_NUM_THREADS, or else as many as the affinity mask (through OpenMP) and the whole
/// processors of the CPU quota allow; at most 4096.
inline Index default_threads() {
  const Index most = std::min<Index>(omp_get_max_threads(), 4096);
  const char* asked = std::getenv("OMP_NUM_THREADS");
  // The runtime ignores other values.
  if (asked && std::string_view(asked).find_first_of("123456789") != std::string_view::npos) return most;
  return static_cast<Index>(std::clamp(cpu_quota(), 1.0, static_cast<double>(most)));
}

/// Starts the threads of parallel regions: `threads` of them, or default_threads() if 0. `stack`: as returned by
/// check_stacks. libgomp ends the program if it cannot create a thread, so creation is tried first. If that fails,
/// fewer threads are used, and the returned note says so. Results do not depend on the number of threads.
inline std::string start_threads(Index threads, std::optional<std::uint64_t> stack) {
  const Index wanted = threads > 0 ? threads : default_threads();
  const auto [made, error] = detail::try_threads(wanted - 1, stack);
  omp_set_num_threads(static_cast<int>(made + 1));
  int started = 0;  // now, before the limit of processes is used up
#pragma omp parallel reduction(+ : started)
  started += 1;
  if (error == 0) return {};
  return concat("note: only ", made + 1, " of ", wanted, " threads can be created (",
                std::generic_category().message(error),
                "); continuing with these. For more, raise the process limit (ulimit -u, or that of the container)");
}

}}}  // namespace neutra::NEUTRA_ABI::program
