/// Recognising files that have not changed, without reading them.
#pragma once

#include "neutra/io/file.hpp"
#include "neutra/io/json.hpp"

#include <sys/stat.h>

#include <filesystem>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// What changes with the content of a file, except by intent: {"bytes", "modified_ns", "inode", "device"}. Links are
/// followed. Null if there is no such file.
inline Json file_identity(const Path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {{"bytes", status.st_size},
          {"modified_ns", Index{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec},
          {"inode", status.st_ino},
          {"device", status.st_dev}};
}

/// That of a file, or of the files of a folder by their names; folders in it do not count.
inline Json content_identity(const Path& path) {
  if (!std::filesystem::is_directory(path)) return file_identity(path);
  Json files = Json::object();
  for (const auto& item : std::filesystem::directory_iterator(path))
    if (item.is_regular_file()) files[item.path().filename().string()] = file_identity(item.path());
  return files;
}

}}}  // namespace neutra::NEUTRA_ABI::io
