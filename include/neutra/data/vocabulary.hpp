/// What the tokenizers of a tokenizer.json have in common: tokens by id, and tokens added later.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/utf8.hpp"
#include "neutra/data/added_texts.hpp"
#include "neutra/data/sentencepiece_model.hpp"
#include "neutra/data/tokenizer.hpp"
#include "neutra/data/words.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Where a space is put in front of the text: nowhere, in front of every part between added tokens, or of the text
/// alone.
enum class SpaceInFront { never, every_part, text_start };

/// The tokens of a tokenizer. A byte-level one spells each byte as one character (Radford et al. 2019); any other
/// spells a space as U+2581.
struct Vocabulary {
  std::vector<std::string> pieces;  // by id; empty where there is no token
  std::unordered_map<std::string, std::int32_t> ids;
  std::array<std::int32_t, 256> byte_ids{};  // of a byte-level tokenizer, and of one with byte fallback
  bool byte_level = false;
  AddedTokens added;
  AddedTexts added_raw, added_normalized;  // found before and after normalisation
  SpaceInFront space = SpaceInFront::never;
  // Pre-tokenization puts the space there, behind added tokens, unless the text begins with one (Metaspace); otherwise
  // normalisation does (Prepend).
  bool metaspace = false;
  std::int32_t bos = -1, eos = -1, unknown = -1;

  /// The id of a token. -1 if there is none.
  std::int32_t id_of(const std::string& piece) const {
    const auto found = ids.find(piece);
    return found == ids.end() ? -1 : found->second;
  }
  /// Whether normalisation puts a space in front of an added token.
  bool prepends_to(const AddedToken& token) const {
    return space == SpaceInFront::every_part && !metaspace && token.normalized && !token.special;
  }
};

namespace detail {

/// Calls visit(character, code point) for all characters of valid UTF-8.
template <class Visit> void for_each_character(std::string_view text, Visit&& visit) {
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
    length = utf8_length(text, at);
    require(length > 0, "tokenizer: a token must be UTF-8");
    const std::string_view character = text.substr(at, length);
    visit(character, code_point(character));
  }
}

/// The character by which byte-level models spell a byte: itself where it is printable Latin-1, else one from U+0100
/// on.
inline const std::array<char32_t, 256>& byte_characters() {
  static const auto table = [] {
    std::array<char32_t, 256> points{};
    char32_t next = 0x100;
    for (char32_t byte = 0; byte < 256; ++byte) {
      const bool shown = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);
      points[byte] = shown ? byte : next++;
    }
    return points;
  }();
  return table;
}

/// A code point below U+0800 as UTF-8.
inline std::string spelled(char32_t point) {
  if (point < 0x80) return {static_cast<char>(point)};
  return {static_cast<char>(0xc0 | point >> 6), static_cast<char>(0x80 | (point & 0x3f))};
}

/// The bytes that a token of a byte-level model spells. A token with other characters stands for its own text.
inline std::string byte_level_surface(const std::string& piece) {
  static const auto bytes = [] {
    std::unordered_map<char32_t, char> map;
    for (std::size_t k = 0; k < 256; ++k) map[byte_characters()[k]] = static_cast<char>(k);
    return map;
  }();
  std::string surface;
  bool known = true;
  for_each_character(piece, [&](std::string_view, char32_t point) {
    const auto found = bytes.find(point);
    known = known && found != bytes.end();
    if (known) surface += found->second;
  });
  return known ? surface : piece;
}

/// The bytes that a token of any other model spells.
inline std::string spaced_surface(const std::string& piece) {
  const int byte = byte_of(piece);
  return byte >= 0 ? std::string(1, static_cast<char>(byte)) : replaced(piece, space_sign, " ");
}

}  // namespace detail

}}}  // namespace neutra::NEUTRA_ABI::data
