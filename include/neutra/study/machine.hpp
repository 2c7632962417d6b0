/// The machine and build of a result. Speeds and bits are comparable only if these are equal.
#pragma once

#include "neutra/backend/cpu/instruction_set.hpp"
#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/io/utf8.hpp"

#include <omp.h>

#include <fstream>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// The machine and the build of a run. processor, flags: "unknown" if they cannot be determined. threads: OpenMP
/// threads of the run.
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
Machine machine();

/// The commit that this program, or its compiled library, was built from, or "unknown".
std::string commit();

}}}  // namespace neutra::NEUTRA_ABI::study

#if !defined(NEUTRA_COMPILED_PROGRAMS)
#include "neutra/study/this_build.hpp"  // IWYU pragma: keep
#endif
