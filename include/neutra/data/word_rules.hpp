/// The rules that cut text into words before byte-level BPE, as their published regular expressions define them.
#pragma once

#include "neutra/data/unicode.hpp"

#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Where the expressions of GPT-2, Llama 3 and Qwen2 differ.
struct WordRule {
  bool any_case = true;         // contractions: 'S as well as 's
  bool any_lead = true;         // a word of letters may begin with any character but a letter, number or line break
  std::size_t most_digits = 1;  // characters in a number
  bool space_before_number = false;
  bool line_breaks = true;  // line breaks belong to the punctuation or space in front of them
};

inline constexpr WordRule gpt2_words{false, false, std::numeric_limits<std::size_t>::max(), true, false},
    llama3_words{true, true, 3, false, true}, qwen2_words{true, true, 1, false, true};

/// Those of Llama 3 and Qwen2.
inline constexpr std::string_view
    llama3_expression = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
                        R"(|\s*[\r\n]+|\s+(?!\S)|\s+)",
    qwen2_expression = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
                       R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// The rule of a regular expression; empty for an expression that is not known.
inline std::optional<WordRule> word_rule(std::string_view expression) {
  struct Known {
    std::string_view expression;
    WordRule rule;
  };
  static constexpr std::array known = {
      Known{R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", gpt2_words},
      Known{R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", gpt2_words},
      Known{llama3_expression, llama3_words}, Known{qwen2_expression, qwen2_words}};
  for (const Known& item : known)
    if (item.expression == expression) return item.rule;
  return std::nullopt;
}

namespace detail {

inline bool is_line_break(char c) { return c == '\n' || c == '\r'; }

/// The offset behind at most `most` characters of a class.
inline std::size_t run_end(std::string_view text, std::size_t at, CharacterClass kind,
                           std::size_t most = std::numeric_limits<std::size_t>::max()) {
  for (; at < text.size() && most > 0; --most) {
    const Character next = character_at(text, at);
    if (next.kind != kind) break;
    at += next.length;
  }
  return at;
}

/// The length of 's, 't, 're, 've, 'm, 'll or 'd at the start of the text; 0 if there is none.
inline std::size_t contraction(std::string_view text, bool any_case) {
  if (!text.starts_with('\'')) return 0;
  constexpr std::string_view long_s = "\xc5\xbf";  // U+017F is an s in another case
  if (any_case && text.substr(1).starts_with(long_s)) return 1 + long_s.size();
  for (const std::string_view tail : {"s", "t", "re", "ve", "m", "ll", "d"}) {
    if (text.size() <= tail.size()) continue;
    bool same = true;
    for (std::size_t k = 0; k < tail.size(); ++k) {
      const char c = text[k + 1];
      same = same && (any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) == tail[k];
    }
    if (same) return 1 + tail.size();
  }
  return 0;
}

/// The end of a word that begins with white space and is nothing else.
inline std::size_t space_end(std::string_view text, std::size_t at, const WordRule& rule) {
  std::size_t last = at, after_break = at;
  std::size_t end = at;
  while (end < text.size()) {
    const Character next = character_at(text, end);
    if (next.kind != CharacterClass::space) break;
    last = end;
    if (is_line_break(text[end])) after_break = end + 1;
    end += next.length;
  }
  if (rule.line_breaks && after_break > at) return after_break;
  // The last space before a visible character belongs to the next word, unless it is the only one.
  return end == text.size() || last == at ? end : last;
}

/// The end of the word at an offset inside the text.
inline std::size_t word_end(std::string_view text, std::size_t at, const WordRule& rule) {
  if (const std::size_t length = contraction(text.substr(at), rule.any_case); length > 0) return at + length;
  const Character first = character_at(text, at);
  const bool blank = text[at] == ' ';
  const std::size_t behind = at + first.length, behind_blank = blank ? behind : at;
  const bool visible_or_space = first.kind == CharacterClass::other || first.kind == CharacterClass::space;
  const bool lead = rule.any_lead ? visible_or_space && !is_line_break(text[at]) : blank;
  const std::size_t letters = lead ? behind : at;
  if (const auto end = run_end(text, letters, CharacterClass::letter); end > letters) return end;
  const std::size_t digits = rule.space_before_number ? behind_blank : at;
  if (const auto end = run_end(text, digits, CharacterClass::number, rule.most_digits); end > digits) return end;
  auto end = run_end(text, behind_blank, CharacterClass::other);
  if (end == behind_blank) return space_end(text, at, rule);
  while (rule.line_breaks && end < text.size() && is_line_break(text[end])) ++end;
  return end;
}

}  // namespace detail

/// Calls visit(word) for all of the text in order.
template <class Visit> void for_each_rule_word(std::string_view text, const WordRule& rule, Visit&& visit) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = detail::word_end(text, at, rule);
    visit(text.substr(at, end - at));
    at = end;
  }
}

/// Calls visit(part) for all of the text in order: numbers, whole or as single characters, and what is between them.
template <class Visit> void for_each_number_part(std::string_view text, bool single, Visit&& visit) {
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = detail::run_end(text, at, CharacterClass::number, single ? 1 : text.size());
    while (end < text.size() && character_at(text, at).kind != CharacterClass::number) {
      const Character next = character_at(text, end);
      if (next.kind == CharacterClass::number) break;
      end += next.length;
    }
    visit(text.substr(at, end - at));
    at = end;
  }
}

}}}  // namespace neutra::NEUTRA_ABI::data
