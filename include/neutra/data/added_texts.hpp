/// Finds the texts of added tokens in a text.
#pragma once

#include "neutra/data/tokenizer.hpp"
#include "neutra/data/unicode.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Texts that stand for one token each, found leftmost first, and the longest of those that begin at one place. A text
/// that spells a special token stays text, and hides texts that overlap it.      tokenizers, AddedVocabulary
class AddedTexts {
 public:
  /// spaces_are_visible: a plain space stands for a visible character, which tokens do not strip
  explicit AddedTexts(bool spaces_are_visible = false) : spaces_are_visible_(spaces_are_visible) {}

  /// Not an empty text. Of equal texts the first counts.
  void add(std::string text, std::int32_t id, const AddedToken& token) {
    auto& lengths = lengths_[static_cast<unsigned char>(text.front())];
    if (std::find(lengths.begin(), lengths.end(), text.size()) == lengths.end()) lengths.push_back(text.size());
    std::sort(lengths.begin(), lengths.end(), std::greater<>());
    tokens_.emplace(std::move(text), Entry{id, token});
  }

  /// Calls between(part) for what no token covers, unless it is empty, and found(id) for each token, in order.
  template <class Between, class Found> void split(std::string_view text, Between&& between, Found&& found) const {
    std::size_t start = 0;  // behind the last token
    for (std::size_t at = 0; at < text.size() && !tokens_.empty();) {
      const auto match = longest(text, at);
      if (match == tokens_.end()) {
        ++at;
        continue;
      }
      const AddedToken& token = match->second.token;
      std::size_t first = at, end = at += match->first.size();
      if (token.special || (token.single_word && inside_word(text, first, end))) continue;
      if (token.strips_left) first = std::max(space_before(text, first), start);
      if (token.strips_right) end = space_behind(text, end);
      if (first > start) between(text.substr(start, first - start));
      found(match->second.id);
      start = end;
    }
    if (start < text.size()) between(text.substr(start));
  }

 private:
  struct Entry {
    std::int32_t id;
    AddedToken token;
  };
  using Tokens = std::map<std::string, Entry, std::less<>>;

  Tokens::const_iterator longest(std::string_view text, std::size_t at) const {
    for (const std::size_t length : lengths_[static_cast<unsigned char>(text[at])]) {
      if (length > text.size() - at) continue;
      if (const auto found = tokens_.find(text.substr(at, length)); found != tokens_.end()) return found;
    }
    return tokens_.end();
  }

  /// Whether a word character stands in front of `first` or at `end`.
  static bool inside_word(std::string_view text, std::size_t first, std::size_t end) {
    const auto word_at = [&](std::size_t at) {
      const std::size_t length = utf8_length(text, at);
      return length > 0 && is_word_character(code_point(text.substr(at, length)));
    };
    return (first > 0 && word_at(first - last_length(text.substr(0, first)))) || (end < text.size() && word_at(end));
  }
  bool is_space(std::string_view text, std::size_t at) const {
    return character_at(text, at).kind == CharacterClass::space && !(spaces_are_visible_ && text[at] == ' ');
  }
  /// The begin of the white space that ends at an offset, and the end of that which begins there.
  std::size_t space_before(std::string_view text, std::size_t end) const {
    while (end > 0) {
      const std::size_t at = end - last_length(text.substr(0, end));
      if (!is_space(text, at)) break;
      end = at;
    }
    return end;
  }
  std::size_t space_behind(std::string_view text, std::size_t at) const {
    while (at < text.size() && is_space(text, at)) at += character_at(text, at).length;
    return at;
  }

  Tokens tokens_;
  std::array<std::vector<std::size_t>, 256> lengths_;  // by first byte, in falling order
  bool spaces_are_visible_;
};

}}}  // namespace neutra::NEUTRA_ABI::data
