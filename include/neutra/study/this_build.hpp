/// machine() and commit(). This code changes with every commit.
#pragma once

#include "neutra/study/machine.hpp"

/// The commit and the compiler's flags, as the build defines them; "unknown" without these definitions.
#ifndef NEUTRA_COMMIT
#define NEUTRA_COMMIT "unknown"
#endif
#ifndef NEUTRA_FLAGS
#define NEUTRA_FLAGS "unknown"
#endif

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

NEUTRA_ONCE Machine machine() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  return {io::utf8_text(detail::processor_name(cpuinfo)),  // any bytes, for JSON
          std::string(cpu::instruction_set()),
          detail::compiler(),
          NEUTRA_FLAGS,
          cpu::xsimd_version(),
          omp_get_max_threads()};
}

NEUTRA_ONCE std::string commit() { return NEUTRA_COMMIT; }

}}}  // namespace neutra::NEUTRA_ABI::study
