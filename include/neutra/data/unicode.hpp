/// What tokenizers ask of Unicode: the class of a character, and normalisation forms. Both come from ICU.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/utf8.hpp"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Letters are the general categories L*, numbers N*; space is the property White_Space.
enum class CharacterClass : std::uint8_t { other, letter, number, space };

inline CharacterClass character_class(char32_t point) {
  const auto code = static_cast<UChar32>(point);
  if (u_isUWhiteSpace(code)) return CharacterClass::space;
  const std::uint32_t mask = U_GET_GC_MASK(code);
  if (mask & U_GC_L_MASK) return CharacterClass::letter;
  return mask & U_GC_N_MASK ? CharacterClass::number : CharacterClass::other;
}

/// A character of a text. A byte that is not UTF-8 counts as a character of class other.
struct Character {
  CharacterClass kind = CharacterClass::other;
  std::size_t length = 1;
};

/// The character at an offset inside the text.
inline Character character_at(std::string_view text, std::size_t offset) {
  static const auto ascii = [] {
    std::array<CharacterClass, 128> classes{};
    for (std::size_t k = 0; k < classes.size(); ++k) classes[k] = character_class(static_cast<char32_t>(k));
    return classes;
  }();
  const auto byte = static_cast<unsigned char>(text[offset]);
  if (byte < ascii.size()) return {ascii[byte], 1};
  const std::size_t length = utf8_length(text, offset);
  if (length == 0) return {};
  return {character_class(code_point(text.substr(offset, length))), length};
}

/// Whether \w of regular expressions matches: alphabetic characters, marks, decimal digits, connectors and joiners.
/// Unicode Technical Standard 18, annex C
inline bool is_word_character(char32_t point) {
  const auto code = static_cast<UChar32>(point);
  const std::uint32_t also = U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;
  return u_hasBinaryProperty(code, UCHAR_ALPHABETIC) || (U_GET_GC_MASK(code) & also) != 0 ||
         u_hasBinaryProperty(code, UCHAR_JOIN_CONTROL);
}

/// The length of the last character of a text that is not empty.
inline std::size_t last_length(std::string_view text) {
  for (std::size_t length = 1; length <= 4 && length <= text.size(); ++length)
    if (utf8_length(text, text.size() - length) == length) return length;
  return 1;  // a byte that is not UTF-8
}

/// The normalisation forms.      Unicode Standard Annex 15
enum class UnicodeForm : std::uint8_t { nfc, nfd, nfkc, nfkd };

namespace detail {

inline const icu::Normalizer2& normalizer_of(UnicodeForm form) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* found = form == UnicodeForm::nfc    ? icu::Normalizer2::getNFCInstance(status)
                                  : form == UnicodeForm::nfd  ? icu::Normalizer2::getNFDInstance(status)
                                  : form == UnicodeForm::nfkc ? icu::Normalizer2::getNFKCInstance(status)
                                                              : icu::Normalizer2::getNFKDInstance(status);
  require(U_SUCCESS(status), "tokenizer: ICU has no data for normalisation (", u_errorName(status), ')');
  return *found;
}

/// Appends valid UTF-8 in a normalisation form.
inline void append_form(const icu::Normalizer2& form, std::string_view text, std::string& result) {
  UErrorCode status = U_ZERO_ERROR;
  icu::StringByteSink<std::string> sink(&result);
  form.normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())), sink, nullptr, status);
  require(U_SUCCESS(status), "tokenizer: ICU cannot normalise ", text.size(), " bytes (", u_errorName(status), ')');
}

}  // namespace detail

/// The text in a normalisation form. Bytes that are not UTF-8 stay as they are.
inline std::string normalized(std::string_view text, UnicodeForm form) {
  // ICU counts in 32 bits. A line feed neither composes nor is reordered, so lines are independent; a longer line is
  // cut here.
  constexpr std::size_t longest = std::size_t{1} << 30;
  const icu::Normalizer2& normalizer = detail::normalizer_of(form);
  std::string result;
  result.reserve(text.size());
  for (std::size_t start = 0; start < text.size();) {
    std::size_t end = start;
    bool ascii = true;
    while (end < text.size() && text[end] != '\n' && end - start < longest) {
      const std::size_t length = utf8_length(text, end);
      if (length == 0) break;
      ascii = ascii && length == 1;
      end += length;
    }
    const std::string_view run = text.substr(start, end - start);
    ascii ? void(result.append(run)) : detail::append_form(normalizer, run, result);
    if (end < text.size() && end - start < longest) result += text[end++];  // the line feed or the invalid byte
    start = end;
  }
  return result;
}

}}}  // namespace neutra::NEUTRA_ABI::data
