/// How much memory this process may use.
#pragma once

#include "neutra/io/control_groups.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// The memory of the machine in bytes, or less where a control group of the process limits it: memory.max (version 2),
/// memory.limit_in_bytes (version 1). The largest number where the system does not tell.
/// root: the folder of proc and sys.
inline std::uint64_t memory_limit(const std::filesystem::path& root = "/") {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) least = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
  for_each_control_group(root, "memory", [&](const std::filesystem::path& group) {
    for (const char* name : {"memory.max", "memory.limit_in_bytes"}) {
      std::uint64_t limit = 0;
      if (std::ifstream file(group / name); file >> limit && limit > 0) least = std::min(least, limit);
    }
  });
  return least;
}

}}}  // namespace neutra::NEUTRA_ABI::io
