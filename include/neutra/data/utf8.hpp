/// Where text is valid UTF-8 and where it is not. Nothing in this library replaces bytes: invalid ones are found, reported and kept.
#pragma once

#include "neutra/core/config.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace neutra::inline NEUTRA_ABI::data {

/// Bytes of the character that begins at text[at], at < size: 1 to 4, or 0 where no valid one begins (overlong forms, surrogates, values
/// beyond U+10FFFF, stray or missing continuation bytes).      The Unicode Standard, table 3-7
inline std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t k) -> unsigned { return at + k < text.size() ? static_cast<unsigned char>(text[at + k]) : 0u; };
  const auto follows = [&](std::size_t k, unsigned low = 0x80, unsigned high = 0xbf) { return byte(k) >= low && byte(k) <= high; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return follows(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) return follows(1, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
  if (lead >= 0xf0 && lead <= 0xf4) return follows(1, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3) ? 4 : 0;
  return 0;
}

/// The code point of one valid character.
inline char32_t code_point(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  char32_t value = character.size() == 1 ? lead : lead & (0x7fu >> character.size());
  for (const char byte : character.substr(1)) value = value << 6 | (static_cast<unsigned char>(byte) & 0x3fu);
  return value;
}

/// Bytes at the end of the text that begin a character whose rest may still come: 0 to 3.
inline std::size_t utf8_unfinished(std::string_view text) {
  for (std::size_t count = 1; count <= 3 && count <= text.size(); ++count)
    for (const char next : {'\x80', '\xbf'}) {  // of the bytes that may follow a lead byte, at least one of the two is always among them
      char begun[6] = {next, next, next, next, next, next};
      text.copy(begun, count, text.size() - count);
      if (utf8_length({begun, sizeof begun}, 0) > count) return count;
    }
  return 0;
}

/// Offset of the first byte that belongs to no valid character; none where the whole text is valid. For reporting: every tokenizer here keeps such
/// bytes as they are, so decode(encode(x)) == x for them too.
inline std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    std::uint64_t eight = 0;
    if (at + sizeof eight <= text.size()) {
      std::memcpy(&eight, text.data() + at, sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {
        at += sizeof eight;
        continue;
      }
    }
    const std::size_t length = utf8_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::nullopt;
}

}  // namespace neutra::inline NEUTRA_ABI::data
