/// The pieces of text that are tokenized independently. A cut depends only on the bytes next to it. Memory therefore
/// stays bounded, the cost per byte does not grow with the length of the input,
/// and the tokens do not depend on buffering.
#pragma once

#include "neutra/core/config.hpp"
#include "neutra/data/utf8.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Length limit of words and lines, in bytes. Merging costs n log n in it, and SentencePiece's trainer ends the process
/// at 65,536 characters.
inline constexpr std::size_t longest_stretch = 4096;

/// SentencePiece's escape for a space. In a text it would be decoded as a space.
inline constexpr std::string_view space_sign = "\xe2\x96\x81";

/// The text with every `from`, which is not empty, replaced by `to`.
inline std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  for (std::size_t at = 0; (at = text.find(from)) != text.npos; text.remove_prefix(at + from.size()))
    result.append(text.substr(0, at)).append(to);
  return result.append(text);
}

/// The characters that SentencePiece reserves: U+2581, its escape for a space; U+2585, its sign for an unknown
/// character, for which the trainer drops the whole line; and NUL. They are encoded as bytes, like invalid UTF-8.
inline bool reserved_character(std::string_view character) {
  return character == space_sign || character == "\xe2\x96\x85" || character == std::string_view("\0", 1);
}

/// Calls visit(word, raw) for all of the text in order. raw: an invalid byte or a reserved character, to be encoded as
/// bytes. Otherwise a word of valid UTF-8, which ends before a space that follows a non-space, after the last newline
/// of a run, before a raw byte, or at longest_stretch bytes.
template <class Visit> void for_each_word(std::string_view text, Visit&& visit) {
  std::size_t start = 0;
  const auto finish = [&](std::size_t end) {
    if (end > start) visit(text.substr(start, end - start), false);
    start = end;
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0 || reserved_character(text.substr(at, length))) {
      finish(at);
      start = at + (length == 0 ? 1 : length);
      visit(text.substr(at, start - at), true);
      at = start;
      continue;
    }
    const char here = text[at], last = at > start ? text[at - 1] : here;
    const bool starts_word = (here == ' ' && last != ' ') || (here != '\n' && last == '\n');
    if (starts_word || at + length - start > longest_stretch) finish(at);
    at += length;
  }
  finish(text.size());
}

/// Calls visit(line, raw). A line is a sequence of words up to a newline, a raw byte or longest_stretch bytes: a long
/// line is cut between words.
template <class Visit> void for_each_line(std::string_view text, Visit&& visit) {
  std::string_view line;
  const auto finish = [&] {
    if (!line.empty()) visit(line, false);
    line = {};
  };
  for_each_word(text, [&](std::string_view word, bool raw) {
    if (raw || line.size() + word.size() > longest_stretch) finish();
    if (raw) {
      visit(word, true);
      return;
    }
    line = line.empty() ? word : std::string_view(line.data(), line.size() + word.size());
    if (word.back() == '\n') finish();
  });
  finish();
}

}}}  // namespace neutra::NEUTRA_ABI::data
