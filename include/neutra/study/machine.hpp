/// Where a result was made: what two runs must share before their speeds, or their bits, may be compared.
#pragma once

#include "neutra/backend/cpu/instruction_set.hpp"
#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/io/utf8.hpp"

#include <omp.h>

#include <fstream>
#include <string>
#include <string_view>

/// The commit and the compiler's flags, as the build defines them; a program built without these definitions says so.
#ifndef NEUTRA_COMMIT
#define NEUTRA_COMMIT "unknown"
#endif
#ifndef NEUTRA_FLAGS
#define NEUTRA_FLAGS "unknown"
#endif

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// The machine and the build of a run. processor, flags: "unknown" where nothing tells them. threads: OpenMP threads of
/// the run.
struct Machine {
  std::string processor, instruction_set, compiler, flags, xsimd;
  Index threads = 0;
};

namespace detail {

/// The first "model name" of a /proc/cpuinfo.
inline std::string processor_name(std::istream& cpuinfo) {
  for (std::string line; std::getline(cpuinfo, line);) {
    const auto colon = line.find(':');
    if (!line.starts_with("model name") || colon == line.npos) continue;
    const auto first = line.find_first_not_of(" \t", colon + 1);
    if (first != line.npos) return line.substr(first);
  }
  return "unknown";
}

inline std::string compiler() {
#if defined(__clang__)
  return __VERSION__;  // "Clang 14.0.6" or with the vendor before it
#elif defined(__GNUC__)
  return "g++ " __VERSION__;
#else
  return "unknown";
#endif
}

}  // namespace detail

/// This machine and this build.
inline Machine machine() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  return {io::utf8_text(detail::processor_name(cpuinfo)),  // JSON must hold whatever a virtual machine is called
          std::string(cpu::instruction_set()),
          detail::compiler(),
          NEUTRA_FLAGS,
          cpu::xsimd_version(),
          omp_get_max_threads()};
}

/// The commit this program was built from, or "unknown".
inline std::string commit() { return NEUTRA_COMMIT; }

}}}  // namespace neutra::NEUTRA_ABI::study
