/// The number of processors that a container may use, from the kernel's control groups.
#pragma once

#include "neutra/core/config.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

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

/// The smallest quota of a group below `mount` and the groups above it.
inline double quota_along(const std::filesystem::path& mount, const std::filesystem::path& group) {
  double least = group_quota(mount);
  std::filesystem::path at = mount;
  for (const auto& part : group.relative_path()) least = std::min(least, group_quota(at /= part));
  return least;
}

}  // namespace detail

/// The number of processors that this process may use on average, from /proc/self/cgroup and the groups below
/// /sys/fs/cgroup; infinity without a limit. A container may see its own group as the root, so groups that do not exist
/// are skipped. root: the folder of proc and sys.
inline double cpu_quota(const std::filesystem::path& root = "/") {
  const auto groups = root / "sys/fs/cgroup";
  double least = std::numeric_limits<double>::infinity();
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // "0::/path" or "4:cpu,cpuacct:/path"
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (controllers.empty()) least = std::min(least, detail::quota_along(groups, path));
    std::istringstream names(controllers);
    for (std::string name; std::getline(names, name, ',');)
      if (name == "cpu")
        for (const auto& mount : {groups / controllers, groups / "cpu"})
          least = std::min(least, detail::quota_along(mount, path));
  }
  return least;
}

}}}  // namespace neutra::NEUTRA_ABI::program
