/// What a program needs of its environment before its first parallel region: stacks that are large enough, and threads
/// to be had.
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

/// The least stack of a thread, in bytes. The largest frames are those of the products, which keep a copy of some rows
/// and a tile of sums: training with every method crashed with 40 kB and ran with 48 (AVX-512, g++ 12.2). The rest is
/// for other compilers and instruction sets, and for the system.
inline constexpr std::uint64_t least_stack = 256 << 10;

/// The bytes that a variable such as OMP_STACKSIZE asks for, read as the OpenMP runtime reads it: white space, digits,
/// white space, one of B K M G in either case, white space; without a letter the number counts `unit` bytes. Empty for
/// anything else, which the runtime leaves aside with a message.
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

/// The stack that the environment asks for the threads of OpenMP, in bytes; empty where they get the system's.
/// Error: that, or the system's limit, is below least_stack: the program would crash in its first product.
inline std::optional<std::uint64_t> check_stacks() {
  rlimit limit{};
  const bool told = ::getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  require(!told || limit.rlim_cur >= least_stack, "the stack must have at least ", least_stack >> 10, " kB, got ",
          limit.rlim_cur >> 10, " kB; raise it: ulimit -s 8192");
#ifdef __clang__  // libomp, which counts the first in bytes; libgomp does not know that one
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
            "k, got ", *bytes, " bytes; set it to that or more, or take it away");
    return bytes;  // the first that can be read is the one that counts
  }
  return std::nullopt;
}

namespace detail {

/// How many threads of this process the system counts; 0 where it does not tell.
inline std::size_t counted_threads() {
  std::error_code none;
  const std::filesystem::directory_iterator tasks("/proc/self/task", none);
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

/// Makes up to `wanted` threads that live at the same time, and ends them; how many there were, and the error that came
/// in place of the next.
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
  for (int tries = 0; tries < 1000 && counted_threads() > before;
       ++tries)  // one that has been joined counts for a moment longer
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return {static_cast<Index>(threads.size()), error};
}

}  // namespace detail

/// The number of threads where none is asked for: what OMP_NUM_THREADS says, else as many as the process may use, by
/// its affinity mask (which OpenMP heeds) and whole processors of its CPU quota; at most 4096.
inline Index default_threads() {
  const Index most = std::min<Index>(omp_get_max_threads(), 4096);
  const char* asked = std::getenv("OMP_NUM_THREADS");
  if (asked && std::string_view(asked).find_first_of("123456789") != std::string_view::npos)
    return most;  // the runtime leaves others aside
  return static_cast<Index>(std::clamp(cpu_quota(), 1.0, static_cast<double>(most)));
}

/// Starts the threads that parallel regions work with: `threads` of them, 0: default_threads(); `stack`: see
/// check_stacks. libgomp ends the program where it cannot make one, so they are tried before: where not all can be made
/// fewer work, and the note that is returned says so. Results do not depend on their number.
inline std::string start_threads(Index threads, std::optional<std::uint64_t> stack) {
  const Index wanted = threads > 0 ? threads : default_threads();
  const auto [made, error] = detail::try_threads(wanted - 1, stack);
  omp_set_num_threads(static_cast<int>(made + 1));
  int started = 0;  // now, while they can be had
#pragma omp parallel reduction(+ : started)
  started += 1;
  if (error == 0) return {};
  return concat(
      "note: only ", made + 1, " of ", wanted, " threads can be made (", std::generic_category().message(error),
      "); going on with these. To have more, raise the limit of processes (ulimit -u, or that of the container)");
}

}}}  // namespace neutra::NEUTRA_ABI::program
