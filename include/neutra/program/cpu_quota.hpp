/// The number of processors that a container may use, from the kernel's control groups.
#pragma once

#include "neutra/io/control_groups.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

namespace detail {

/// The quota of one group in processors: cpu.max (version 2), or cpu.cfs_quota_us and cpu.cfs_period_us (version 1).
/// Infinity if it has no limit.
inline double group_quota(const std::filesystem::path& group) {
  double quota = 0, period = 0;
  if (std::ifstream file(group / "cpu.max"); file >> quota >> period && quota > 0 && period > 0) return quota / period;
  std::ifstream quota_file(group / "cpu.cfs_quota_us"), period_file(group / "cpu.cfs_period_us");
  if (quota_file >> quota && period_file >> period && quota > 0 && period > 0) return quota / period;
  return std::numeric_limits<double>::infinity();
}

}  // namespace detail

/// The number of processors that this process may use on average; infinity without a limit. root: as in
/// io::for_each_control_group.
inline double cpu_quota(const std::filesystem::path& root = "/") {
  double least = std::numeric_limits<double>::infinity();
  io::for_each_control_group(
      root, "cpu", [&](const std::filesystem::path& group) { least = std::min(least, detail::group_quota(group)); });
  return least;
}

}}}  // namespace neutra::NEUTRA_ABI::program
