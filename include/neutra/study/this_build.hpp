/// What the build says of itself: machine() and commit(), which change with every commit.
#pragma once

#include "neutra/study/machine.hpp"

/// The commit and the compiler's flags, as the build defines them; a program built without these definitions says so.
#ifndef NEUTRA_COMMIT
#define NEUTRA_COMMIT "unknown"
#endif
#ifndef NEUTRA_FLAGS
#define NEUTRA_FLAGS "unknown"
#endif

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

NEUTRA_ONCE Machine machine() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  return {io::utf8_text(detail::processor_name(cpuinfo)),  // JSON must hold whatever a virtual machine is called
          std::string(cpu::instruction_set()),
          detail::compiler(),
          NEUTRA_FLAGS,
          cpu::xsimd_version(),
          omp_get_max_threads()};
}

NEUTRA_ONCE std::string commit() { return NEUTRA_COMMIT; }

}}}  // namespace neutra::NEUTRA_ABI::study
