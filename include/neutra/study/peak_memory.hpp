/// The most memory that a process has held.
#pragma once

#include "neutra/core/scalar.hpp"

#include <fstream>
#include <optional>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// The peak resident memory of this process since it was made, in bytes, all that is shared with other processes
/// included; memory of a device is not. Empty where the system does not tell (Linux's /proc does).
class PeakMemory {
 public:
  PeakMemory() {
    std::ofstream reset("/proc/self/clear_refs");
    reset << 5 << std::flush;  // the peak begins anew
    known_ = reset.good();
  }
  std::optional<Index> bytes() const {
    std::ifstream status("/proc/self/status");
    for (std::string word; known_ && status >> word;)
      if (Index kibibytes = 0; word == "VmHWM:" && status >> kibibytes) return kibibytes * 1024;
    return std::nullopt;
  }

 private:
  bool known_ = false;
};

}}}  // namespace neutra::NEUTRA_ABI::study
