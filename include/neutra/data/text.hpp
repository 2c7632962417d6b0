/// Input text: plain text read whole, and the files that a text came from.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/file_format.hpp"
#include "neutra/data/byte_source.hpp"
#include "neutra/data/run.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
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
    } else if ((is_standard_input(file.path) ? ::fstat(STDIN_FILENO, &status) : ::stat(file.path.c_str(), &status)) ==
               0) {
      first = by_file.try_emplace({status.st_dev, status.st_ino}, &file).first->second;
    }
    require(first == &file, file.option, ' ', file.path.string(), ": each text may be given only once, got ",
            file.hash ? "the same bytes as " : "the same file as ", first->option, ' ', first->path.string(),
            "; give another text");
  }
}

/// A text, its documents, and what of it is scored.
struct TextPart {
  TextPart() = default;
  /// Of no bytes yet, which will lie in this memory.
  explicit TextPart(TextMemory memory) : bytes(TextAllocator<char>(std::move(memory))) {}
  TextPart(std::string_view text, std::vector<std::size_t> text_ends, Runs not_scored_bytes)
      : bytes(text), ends(std::move(text_ends)), unscored(std::move(not_scored_bytes)) {}

  TextBytes bytes;
  std::vector<std::size_t> ends;  // positions of the newlines that end documents; none: running text
  Runs unscored;                  // bytes that are context only: no loss is computed for them

  std::size_t scored_bytes() const { return bytes.size() - size_within(unscored, 0, bytes.size()); }
};

/// The concatenated text, and the files it came from.
struct Text : TextPart {
  using TextPart::TextPart;

  std::vector<TextFile> files;
  std::vector<std::string> remarks;  // on files that are not valid UTF-8, and on those of a folder that are left out
};

/// The bytes of a plain text, unchanged, including a byte order mark, CRLF and invalid UTF-8. Errors: more than `most`
/// bytes; none, or only NUL bytes; another format.
inline TextBytes read_text(ByteSource& source, std::uint64_t most, TextMemory memory = {}) {
  TextBytes bytes = read_all(source, most, std::move(memory));
  require(!bytes.empty(), source.name(), ": is empty; give a file with text");
  require(bytes.find_first_not_of('\0') != bytes.npos, source.name(), ": all of its ", bytes.size(),
          " bytes are NUL; the file is damaged");
  if (const FileFormat* other = other_format(bytes, FileKind::text))
    fail(source.name(), ": must be plain text in UTF-8, got ", *other);
  return bytes;
}

}}}  // namespace neutra::NEUTRA_ABI::data
