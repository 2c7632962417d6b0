// A root folder with the control groups of a process.
#pragma once

#include "tests/io/scratch.hpp"

#include <string>

/// With the groups of the process, and limits of some of them.
struct ControlGroups {
  scratch::Folder folder;

  explicit ControlGroups(const std::string& groups) { put("proc/self/cgroup", groups); }
  void put(const std::string& file, const std::string& text) const {
    const auto path = folder / file;
    std::filesystem::create_directories(path.parent_path());
    scratch::put(path, text);
  }
};
