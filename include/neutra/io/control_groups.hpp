/// The kernel's control groups, by which a container limits what a process may use.
#pragma once

#include "neutra/core/config.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// Calls f(folder) for the folders that may hold the limits of a controller, such as "cpu" or "memory", for this
/// process: its group in /proc/self/cgroup and the groups above it, below /sys/fs/cgroup (version 2) or the
/// controller's folder there (version 1). A container may see its own group as the root, so a folder may not exist.
/// root: the folder of proc and sys.
template <class F>
void for_each_control_group(const std::filesystem::path& root, std::string_view controller, const F& f) {
  const auto along = [&](const std::filesystem::path& mount, const std::filesystem::path& group) {
    f(mount);
    std::filesystem::path at = mount;
    for (const auto& part : group.relative_path()) f(at /= part);
  };
  const auto groups = root / "sys/fs/cgroup";
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // "0::/path" or "4:cpu,cpuacct:/path"
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (controllers.empty()) along(groups, path);
    std::istringstream names(controllers);
    for (std::string name; std::getline(names, name, ',');)
      if (name == controller)
        for (const auto& mount : {groups / controllers, groups / name}) along(mount, path);
  }
}

}}}  // namespace neutra::NEUTRA_ABI::io
