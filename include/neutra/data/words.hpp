/// The stretches of text that are tokenized on their own. A cut depends on the bytes beside it alone, so memory stays
/// bounded, long input costs no more per byte than short input, and the tokens do not depend on how the text was
/// buffered.
#pragma once

#include "neutra/core/config.hpp"
#include "neutra/data/utf8.hpp"

#include <cstddef>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Bytes of the longest stretch. Merging is n log n in it, and SentencePiece's trainer ends the process from 65,536
/// characters on.
inline constexpr std::size_t longest_stretch = 4096;

/// SentencePiece's sign for a space. Met in a text it would come back as a space.
inline constexpr std::string_view space_sign = "\xe2\x96\x81";

/// Characters that SentencePiece keeps for itself: its sign for a space, U+2581; its sign for an unknown character,
/// U+2585, for which its trainer drops the whole line; and NUL. They travel as bytes, like invalid UTF-8.
inline bool reserved_character(std::string_view character) {
  return character == space_sign || character == "\xe2\x96\x85" || character == std::string_view("\0", 1);
}

/// Calls visit(word, raw) over the whole text in order. raw: an invalid byte or a reserved character, to be kept as
/// bytes. Else a word, valid UTF-8: it ends before a space that follows a non-space, after the last newline of a run,
/// at a raw stretch, or at longest_stretch bytes.
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

/// Calls visit(line, raw): words joined up to a newline, a raw stretch, or longest_stretch bytes, so that a long line
/// is cut between words.
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
