/// Finds invalid UTF-8. Nothing in this library replaces bytes: invalid ones are reported and kept.
#pragma once

#include "neutra/core/utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// The number of bytes at the end of the text that begin an incomplete character: 0 to 3.
inline std::size_t utf8_unfinished(std::string_view text) {
  for (std::size_t count = 1; count <= 3 && count <= text.size(); ++count)
    // Every lead byte accepts at least one of these two as a continuation.
    for (const char next : {'\x80', '\xbf'}) {
      char begun[6] = {next, next, next, next, next, next};
      text.copy(begun, count, text.size() - count);
      if (utf8_length({begun, sizeof begun}, 0) > count) return count;
    }
  return 0;
}

/// The offset of the first byte that belongs to no valid character; empty if the whole text is valid. For reporting
/// only: every tokenizer here keeps such bytes, so decode(encode(x)) == x holds for them too.
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
