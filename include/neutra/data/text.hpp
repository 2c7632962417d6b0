/// Text as it enters: files read whole and joined, and a part of it held out.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/file_format.hpp"
#include "neutra/data/utf8.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
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

/// Two parts of one text, in order, nothing lost between them.
struct Split {
  std::string_view train, held;
};

namespace detail {

/// What to do with a text that has no line end inside.
inline std::string_view line_advice(std::string_view text) {
  const bool returns = text.find('\r') != std::string_view::npos && text.find('\n') == std::string_view::npos;
  return returns ? "its lines end in CR alone: convert them to LF, as with tr '\\r' '\\n'" : "give more text, or files of their own for evaluation";
}

}  // namespace detail

/// Cuts the last `fraction` of the text off, at the line end (after '\n') nearest to size * (1 - fraction), the earlier of two equally near; both
/// parts are views into text and hold at least a line. Errors: fraction outside (0, 1); no line end inside the text.
inline Split hold_out(std::string_view text, double fraction) {
  require(fraction > 0.0 && fraction < 1.0, "holding out text: the fraction must lie inside (0, 1), got ", fraction, "; 0.1 is usual");
  const auto wanted = static_cast<std::size_t>(std::llround(static_cast<double>(text.size()) * (1.0 - fraction)));
  const std::string_view inside = text.substr(0, text.empty() ? 0 : text.size() - 1);  // a final newline ends the text and cuts nothing
  const std::size_t before = wanted == 0 ? std::string_view::npos : inside.rfind('\n', wanted - 1);
  const std::size_t after = wanted > inside.size() ? std::string_view::npos : inside.find('\n', wanted);
  require(before != std::string_view::npos || after != std::string_view::npos, "holding out text: the text must have at least two lines, got ",
          text.size(), " bytes without a line end inside; ", detail::line_advice(text));
  const auto far = std::numeric_limits<std::size_t>::max();
  const std::size_t back = before == std::string_view::npos ? far : wanted - (before + 1);
  const std::size_t ahead = after == std::string_view::npos ? far : after + 1 - wanted;
  const std::size_t cut = (back <= ahead ? before : after) + 1;
  return {text.substr(0, cut), text.substr(cut)};
}

/// Two parts of one text as strings of their own, each in the order of the text.
struct SpreadSplit {
  std::string train, held;
};

/// hold_out of each of up to 50 stretches of the text, of equal size and at least 32 KiB, so that what is held comes from every file and genre of a
/// text that joins several. A stretch that is one line trains. Errors: as hold_out, for a text too small to be cut.
inline SpreadSplit hold_out_throughout(std::string_view text, double fraction) {
  const std::size_t stretches = std::clamp<std::size_t>(text.size() >> 15, 1, 50);
  SpreadSplit parts;
  for (std::size_t i = 1, begin = 0; i <= stretches; ++i) {
    const std::size_t line = i < stretches ? text.find('\n', i * text.size() / stretches) : std::string_view::npos;
    const std::size_t end = line == std::string_view::npos ? text.size() : line + 1;
    if (end <= begin) continue;
    const std::string_view stretch = text.substr(begin, end - begin);
    begin = end;
    const bool one_line = stretches > 1 && stretch.find('\n') >= stretch.size() - 1;
    const Split split = one_line ? Split{stretch, {}} : hold_out(stretch, fraction);
    parts.train += split.train;
    parts.held += split.held;
  }
  require(!parts.held.empty(), "holding out text: no stretch of its ", text.size(), " bytes has a line end inside; ", detail::line_advice(text));
  return parts;
}

}  // namespace neutra::inline NEUTRA_ABI::data
