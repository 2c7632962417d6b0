/// Input text: files read whole and concatenated.
#pragma once

#include "neutra/core/dangling.hpp"
#include "neutra/core/error.hpp"
#include "neutra/core/file_format.hpp"
#include "neutra/data/utf8.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// A text file: the option that named it, and a hash of its bytes once it was read.
struct TextFile {
  std::string option;
  std::filesystem::path path;
  std::optional<std::size_t> hash = {};
};

/// Error: a text that is given twice, as the same file (by path or link) or, among files already read,
/// as the same bytes.
inline void check_different(const std::vector<TextFile>& files) {
  // Pipes too, which std::filesystem::equivalent does not compare.
  std::map<std::pair<dev_t, ino_t>, const TextFile*> by_file;
  std::unordered_map<std::size_t, const TextFile*> by_content;
  for (const TextFile& file : files) {
    struct stat status {};
    const TextFile* first = &file;
    if (file.hash) {
      first = by_content.try_emplace(*file.hash, &file).first->second;
    } else if (::stat(file.path.c_str(), &status) == 0) {
      first = by_file.try_emplace({status.st_dev, status.st_ino}, &file).first->second;
    }
    require(first == &file, file.option, ' ', file.path.string(), ": each text may be given only once, got ",
            file.hash ? "the same bytes as " : "the same file as ", first->option, ' ', first->path.string(),
            "; give another text");
  }
}

/// The concatenated text, and the files it came from.
struct Text {
  std::string bytes;
  std::vector<TextFile> files;
  std::vector<std::string> remarks;  // one sentence for each file that is not valid UTF-8
};

/// The bytes of a text file, unchanged, including a byte order mark, CRLF and invalid UTF-8. Errors: the path is
/// missing, a directory, a device or unreadable; the file is empty, contains only NUL bytes, or has another format.
inline std::string read_text(const std::filesystem::path& path) {
  const std::string name = path.string();
  std::error_code problem;
  const auto status = std::filesystem::status(path, problem);
  if (status.type() == std::filesystem::file_type::not_found) {
    const std::string link = dangling(path);
    fail("text file ", name,
         link.empty() ? ": there is no such file; check the path" : link + "; name the file itself, or fix the link");
  }
  require(!problem, "text file ", name, ": cannot be examined (", problem.message(),
          "); check the path and its permissions");
  require(status.type() != std::filesystem::file_type::directory, "text file ", name,
          ": is a directory; name the files in it");
  require(std::filesystem::is_regular_file(status) || std::filesystem::is_fifo(status), "text file ", name,
          ": is a device or socket; name a file or a pipe");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  require(file.is_open(), "text file ", name, ": cannot be opened (", std::strerror(errno), "); check its permissions");
  std::string bytes;
  char block[1 << 16];
  while (file.read(block, sizeof block) || file.gcount() > 0)
    bytes.append(block, static_cast<std::size_t>(file.gcount()));
  require(!file.bad(), "text file ", name, ": reading stopped after ", bytes.size(), " bytes; check the disk");
  require(!bytes.empty(), "text file ", name, ": is empty; give a file with text");
  require(bytes.find_first_not_of('\0') != std::string::npos, "text file ", name, ": all of its ", bytes.size(),
          " bytes are NUL; the file is damaged");
  if (const FileFormat* other = other_format(bytes, FileKind::text))
    fail("text file ", name, ": must be plain text in UTF-8, got ", *other);
  return bytes;
}

/// The concatenated files, with a newline between two files where the first does not end in one. `option` names the
/// list in messages. The caller checks that the files differ.      Errors: as read_text.
inline Text join_texts(const std::vector<std::filesystem::path>& paths, const std::string& option) {
  Text text;
  for (const auto& path : paths) {
    if (!text.bytes.empty() && text.bytes.back() != '\n') text.bytes += '\n';
    const std::string bytes = read_text(path);
    text.files.push_back({option, path, std::hash<std::string_view>()(bytes)});
    if (const auto at = find_invalid_utf8(bytes))
      text.remarks.push_back(concat("note: text file ", path.string(), ": is not UTF-8 from byte ", *at,
                                    " on; these bytes are kept and become byte tokens"));
    text.bytes += bytes;
  }
  return text;
}

/// As join_texts, checked.      Errors: as read_text and check_different, and an empty list.
inline Text read_texts(const std::vector<std::filesystem::path>& paths, const std::string& option = "--text") {
  require(!paths.empty(), "reading text: at least one file must be named, got none");
  std::vector<TextFile> files;
  for (const auto& path : paths) files.push_back({option, path});
  check_different(files);  // before reading: a pipe can be read only once
  Text text = join_texts(paths, option);
  check_different(text.files);
  return text;
}

}}}  // namespace neutra::NEUTRA_ABI::data
