/// Untrusted bytes as text: finding invalid UTF-8, escaping for messages, and storing any bytes in JSON.
#pragma once

#include "neutra/core/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// The offset of the first byte that is not UTF-8; text.size() if there is none.
inline std::size_t utf8_prefix(std::string_view text) {
  std::size_t offset = 0;
  while (const std::size_t length = utf8_length(text.substr(offset))) offset += length;
  return offset;
}

/// "0x1f"
inline std::string hex_byte(char byte) {
  constexpr const char* digits = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(byte);
  return {'0', 'x', digits[value >> 4], digits[value & 15u]};
}

namespace detail {

/// Whether a code point controls the terminal, breaks the line, reorders the text around it, or is invisible. Unicode
/// 15: Cc, Zl, Zp, and Default_Ignorable_Code_Point without the variation selectors, which only choose a glyph.
inline bool is_control(char32_t point) {
  // First and last of each range.
  static constexpr std::array<char32_t, 38> ranges{
      0x00,   0x1f,   0x7f,   0x9f,   0xad,    0xad,    0x34f,   0x34f,   0x61c,   0x61c,   0x115f,  0x1160, 0x17b4,
      0x17b5, 0x180b, 0x180f, 0x200b, 0x200f,  0x2028,  0x202e,  0x2060,  0x206f,  0x3164,  0x3164,  0xfeff, 0xfeff,
      0xffa0, 0xffa0, 0xfff0, 0xfffb, 0x13430, 0x1343f, 0x1bca0, 0x1bca3, 0x1d173, 0x1d17a, 0xe0000, 0xe0fff};
  for (std::size_t i = 0; i < ranges.size(); i += 2)
    if (point >= ranges[i] && point <= ranges[i + 1]) return true;
  return false;
}

}  // namespace detail

/// The length in bytes of the printable character at the start of the text. 0 for a control character (see
/// detail::is_control), for a byte that is not UTF-8, and at the end.
inline std::size_t printable_length(std::string_view text) {
  const std::size_t length = utf8_length(text);
  return length == 0 || detail::is_control(code_point(text.substr(0, length))) ? 0 : length;
}

/// "\x1f"
inline std::string escaped_byte(char byte) { return "\\" + hex_byte(byte).substr(1); }

/// The characters that `shown` does not escape.
enum class Letters { all, ascii };

/// Makes untrusted text printable: each byte of a control character and each byte that is not UTF-8 becomes \x1f, and
/// the text is cut with "..." near `limit` bytes. All names, paths and values that reach a terminal, a table or a page
/// go through this function. Idempotent.
inline std::string printable(std::string_view text, std::size_t limit = 80, Letters letters = Letters::all) {
  std::string result;
  while (!text.empty()) {
    if (result.size() >= limit) return result + "...";
    std::size_t length = printable_length(text);
    if (letters == Letters::ascii && length > 1) length = 0;
    result += length == 0 ? escaped_byte(text[0]) : std::string(text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}
/// Without a limit.
inline std::string printable_whole(std::string_view text) { return printable(text, std::string_view::npos); }

/// Encodes any bytes, such as a path, as UTF-8 for JSON, reversibly: a byte that is not UTF-8 becomes \xe5, and a
/// backslash becomes two.
inline std::string utf8_text(std::string_view bytes) {
  std::string result;
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    result += length == 0 ? escaped_byte(bytes[0]) : bytes[0] == '\\' ? "\\\\" : std::string(bytes.substr(0, length));
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}

}}}  // namespace neutra::NEUTRA_ABI::io
