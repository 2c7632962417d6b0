/// Where text is valid UTF-8 and where it is not. Nothing in this library replaces bytes: invalid ones are found,
/// reported and kept.
#pragma once

#include "neutra/core/utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Bytes at the end of the text that begin a character whose rest may still come: 0 to 3.
inline std::size_t utf8_unfinished(std::string_view text) {
  for (std::size_t count = 1; count <= 3 && count <= text.size(); ++count)
    for (const char next :
         {'\x80', '\xbf'}) {  // of the bytes that may follow a lead byte, at least one of the two is always among them
      char begun[6] = {next, next, next, next, next, next};
      text.copy(begun, count, text.size() - count);
      if (utf8_length({begun, sizeof begun}, 0) > count) return count;
    }
  return 0;
}

/// Offset of the first byte that belongs to no valid character; none where the whole text is valid. For reporting:
/// every tokenizer here keeps such bytes as they are, so decode(encode(x)) == x for them too.
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

}}}  // namespace neutra::NEUTRA_ABI::data
