/// UTF-8 decoding, one character at a time.
#pragma once

#include "neutra/core/config.hpp"

#include <cstddef>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI {

/// Length in bytes of the character at text[at]: 1 to 4. 0 at the end of the text and for an invalid sequence (overlong
/// form, surrogate, value beyond U+10FFFF, stray or missing continuation byte).
/// The Unicode Standard, table 3-7.
inline std::size_t utf8_length(std::string_view text, std::size_t at = 0) {
  if (at >= text.size()) return 0;
  const auto byte = [&](std::size_t k) -> unsigned {
    return at + k < text.size() ? static_cast<unsigned char>(text[at + k]) : 0u;
  };
  const auto follows = [&](std::size_t k, unsigned low = 0x80, unsigned high = 0xbf) {
    return byte(k) >= low && byte(k) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return follows(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef)
    return follows(1, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
  if (lead >= 0xf0 && lead <= 0xf4)
    return follows(1, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3) ? 4 : 0;
  return 0;
}

/// The code point of one valid character.
inline char32_t code_point(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  char32_t value = character.size() == 1 ? lead : lead & (0x7fu >> character.size());
  for (const char byte : character.substr(1)) value = value << 6 | (static_cast<unsigned char>(byte) & 0x3fu);
  return value;
}

}}  // namespace neutra::NEUTRA_ABI
