/// Classes of tokens by what they stand for in a text, for statistics.
#pragma once

#include "neutra/core/utf8.hpp"
#include "neutra/data/tokenizer.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// word_start: letters after white space   continuation: letters without it   number: digits, with or without it
/// punctuation: any other character, symbols too   space: white space alone   other: control tokens, and bytes that are
/// no character
enum class TokenClass : std::uint8_t { word_start, continuation, number, punctuation, space, other };

inline constexpr std::array<std::string_view, 6> token_class_names = {"word_start",  "continuation", "number",
                                                                      "punctuation", "space",        "other"};

namespace detail {

/// Whether a code point is a letter or a mark. Beyond ASCII every character is, except those of the blocks of
/// punctuation and symbols of Unicode 15 that texts of letters contain.
constexpr bool is_letter(char32_t point) {
  if (point < 0x80) return (point >= 'A' && point <= 'Z') || (point >= 'a' && point <= 'z');
  if (point <= 0xbf) return point == 0xaa || point == 0xb5 || point == 0xba;
  const bool symbol = point == 0xd7 || point == 0xf7 || (point >= 0x2000 && point <= 0x2bff) ||
                      (point >= 0x3000 && point <= 0x303f) || (point >= 0xfe10 && point <= 0xfe6f) ||
                      (point >= 0x1f000 && point <= 0x1faff);
  return !symbol;
}

}  // namespace detail

/// The bytes that a token adds inside a text. It is decoded twice over, because a tokenizer may drop a space at the
/// start of a text. Error: an unknown id.
inline std::string surface(const Tokenizer& tokenizer, std::int32_t id) {
  const std::string twice = tokenizer.decode(std::array{id, id});
  return twice.substr(twice.size() / 2);
}

/// The class of a token with these bytes.
inline TokenClass token_class(std::string_view bytes) {
  const std::size_t start = bytes.find_first_not_of(" \t\n\v\f\r");
  if (start == bytes.npos) return bytes.empty() ? TokenClass::other : TokenClass::space;
  const std::size_t length = utf8_length(bytes, start);
  if (length == 0) return TokenClass::other;
  if (bytes[start] >= '0' && bytes[start] <= '9') return TokenClass::number;
  if (!detail::is_letter(code_point(bytes.substr(start, length)))) return TokenClass::punctuation;
  return start > 0 ? TokenClass::word_start : TokenClass::continuation;
}

/// The class of every id, as adapter::Probe takes them. An id that the tokenizer does not know is of the class other.
/// size: number of ids; at least the tokenizer's
inline std::vector<std::uint8_t> token_classes(const Tokenizer& tokenizer, Index size) {
  std::vector<std::uint8_t> classes;
  for (std::int32_t id = 0; id < size; ++id)
    classes.push_back(
        static_cast<std::uint8_t>(tokenizer.knows(id) ? token_class(surface(tokenizer, id)) : TokenClass::other));
  return classes;
}

}}}  // namespace neutra::NEUTRA_ABI::data
