/// Dangling symbolic links, for messages about a file that is not found.
#pragma once

#include "neutra/core/error.hpp"

#include <filesystem>
#include <string>
#include <system_error>

namespace neutra { inline namespace NEUTRA_ABI {

/// ": it is a link to X, which is not there" for a symbolic link whose target does not exist; otherwise empty.
inline std::string dangling(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(path, error) ||
      std::filesystem::status(path, error).type() != std::filesystem::file_type::not_found)
    return {};
  return concat(": it is a link to ", std::filesystem::read_symlink(path, error).string(), ", which is not there");
}

}}  // namespace neutra::NEUTRA_ABI
