/// Text as it enters: files read whole and joined.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/file_format.hpp"
#include "neutra/data/utf8.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace neutra::inline NEUTRA_ABI::data {

/// One byte string and the files it came from.
struct Text {
  std::string bytes;
  std::vector<std::string> files;
  std::vector<std::string> remarks;  // a sentence for each file that is not UTF-8
};

/// The bytes of one text file, unchanged: a byte order mark, CRLF and invalid UTF-8 stay.
/// Errors: the path is missing, a directory, a device or unreadable; the file is empty, holds nothing but NUL bytes, or is of another format.
inline std::string read_text(const std::filesystem::path& path) {
  const std::string name = path.string();
  std::error_code problem;
  const auto status = std::filesystem::status(path, problem);
  require(status.type() != std::filesystem::file_type::not_found, "text file ", name, ": there is no such file; check the path");
  require(!problem, "text file ", name, ": cannot be looked at (", problem.message(), "); check the path and its permissions");
  require(status.type() != std::filesystem::file_type::directory, "text file ", name, ": is a directory; name the files in it");
  require(std::filesystem::is_regular_file(status) || std::filesystem::is_fifo(status), "text file ", name,
          ": is a device or socket; name a file or a pipe");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  require(file.is_open(), "text file ", name, ": cannot be opened (", std::strerror(errno), "); check its permissions");
  std::string bytes;
  char block[1 << 16];
  while (file.read(block, sizeof block) || file.gcount() > 0) bytes.append(block, static_cast<std::size_t>(file.gcount()));
  require(!file.bad(), "text file ", name, ": reading stopped after ", bytes.size(), " bytes; check the disk");
  require(!bytes.empty(), "text file ", name, ": is empty; give a file with text");
  require(bytes.find_first_not_of('\0') != std::string::npos, "text file ", name, ": all of its ", bytes.size(),
          " bytes are NUL; the file is damaged");
  if (const FileFormat* other = other_format(bytes, FileKind::text)) fail("text file ", name, ": must be plain text in UTF-8, got ", *other);
  return bytes;
}

/// The files one after another; a newline is put between two where the first does not end in one. Errors: as read_text, and an empty list.
inline Text read_texts(const std::vector<std::filesystem::path>& paths) {
  require(!paths.empty(), "reading text: at least one file must be named, got none");
  Text text;
  for (const auto& path : paths) {
    if (!text.bytes.empty() && text.bytes.back() != '\n') text.bytes += '\n';
    const std::string bytes = read_text(path);
    if (const auto at = find_invalid_utf8(bytes))
      text.remarks.push_back(
          concat("note: text file ", path.string(), ": is not UTF-8 from byte ", *at, " on; such bytes are kept and become byte tokens"));
    text.bytes += bytes;
    text.files.push_back(path.string());
  }
  return text;
}

}  // namespace neutra::inline NEUTRA_ABI::data
