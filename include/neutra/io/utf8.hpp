/// UTF-8 from outside: where it breaks, and how to show any bytes in a message.
#pragma once

#include "neutra/core/config.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace neutra::inline NEUTRA_ABI::io {

/// Bytes of the well-formed UTF-8 character that text begins with; 0 if there is none.      Unicode 15, table 3-7
inline std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i) { return (at(i) & 0xc0u) == 0x80u; };
  const unsigned first = at(0), second = at(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first < 0xf0) {
    const bool overlong = first == 0xe0 && second < 0xa0, surrogate = first == 0xed && second >= 0xa0;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first < 0xf5) {
    const bool overlong = first == 0xf0 && second < 0x90, beyond = first == 0xf4 && second >= 0x90;
    return follows(1) && follows(2) && follows(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

/// Offset of the first byte that is not UTF-8; text.size() if all of it is.
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

/// Text from a file made fit for a message: control characters and bytes that are not UTF-8 as \x1f, cut with "..." near `limit` bytes.
inline std::string shown(std::string_view text, std::size_t limit = 80) {
  std::string result;
  while (!text.empty()) {
    if (result.size() >= limit) return result + "...";
    const std::size_t length = utf8_length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    if (length == 0 || first < 0x20 || first == 0x7f) {
      result += "\\" + hex_byte(text[0]).substr(1);
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return result;
}

}  // namespace neutra::inline NEUTRA_ABI::io
