/// Changes of a text before it is cut into tokens, as the normalizers of the tokenizers library make them. Bytes that
/// are not UTF-8 stay as they are.
#pragma once

#include "neutra/core/utf8.hpp"
#include "neutra/data/unicode.hpp"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// A change, as a value.
using TextChange = std::function<std::string(std::string_view)>;

namespace detail {

/// Calls visit(character, code point) for the characters of a text; 0 stands for bytes that are not UTF-8, besides NUL.
template <class Visit> void for_each_character_or_byte(std::string_view text, Visit&& visit) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    const std::string_view shown = text.substr(at, length == 0 ? 1 : length);
    visit(shown, length == 0 ? char32_t{0} : code_point(shown));
    at += shown.size();
  }
}

inline void append_utf8(char32_t point, std::string& text) {
  char bytes[U8_MAX_LENGTH];
  std::size_t size = 0;
  U8_APPEND_UNSAFE(bytes, size, static_cast<UChar32>(point));
  text.append(bytes, size);
}

}  // namespace detail

/// Each character in lower case, whatever stands beside it (Lowercase).
inline std::string lower_case(std::string_view text) {
  std::string result;
  detail::for_each_character_or_byte(text, [&](std::string_view shown, char32_t point) {
    const auto lower = static_cast<char32_t>(u_tolower(static_cast<UChar32>(point)));
    if (point == 0x130) {  // the one character whose lower case has two
      result += "i\xcc\x87";
    } else if (lower == point) {
      result += shown;
    } else {
      detail::append_utf8(lower, result);
    }
  });
  return result;
}

/// Without combining marks (StripAccents).
inline std::string without_marks(std::string_view text) {
  std::string result;
  detail::for_each_character_or_byte(text, [&](std::string_view shown, char32_t point) {
    if ((U_GET_GC_MASK(static_cast<UChar32>(point)) & U_GC_M_MASK) == 0) result += shown;
  });
  return result;
}

/// Without white space on the sides given (Strip).
inline std::string stripped(std::string_view text, bool left, bool right) {
  const auto space = [&](std::size_t at) { return character_at(text, at).kind == CharacterClass::space; };
  while (left && !text.empty() && space(0)) text.remove_prefix(character_at(text, 0).length);
  while (right && !text.empty() && space(text.size() - last_length(text))) text.remove_suffix(last_length(text));
  return std::string(text);
}

/// Every run of two plain spaces or more replaced (Replace " {2,}").
inline std::string runs_of_spaces_replaced(std::string_view text, std::string_view by) {
  std::string result;
  for (std::size_t at = 0, end = 0; at < text.size(); at = end) {
    end = std::min(text.find_first_not_of(' ', at), text.size());
    if (end >= at + 2) {
      result += by;
      continue;
    }
    end = std::min(text.find("  ", at), text.size());
    result += text.substr(at, end - at);
  }
  return result;
}

}}}  // namespace neutra::NEUTRA_ABI::data
