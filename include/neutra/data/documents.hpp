/// Texts of several documents: finding them, cutting their text, and their tokens.
#pragma once

#include "neutra/data/text.hpp"
#include "neutra/data/tokenizer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// What a plain text consists of: running text, a document on each line, or documents with empty lines between them.
enum class Documents { joined, by_line, by_empty_line };

/// Calls f(document) for each document of a plain text, without the line ends around it. A line of white space is
/// empty, and no document.
template <class F> void for_each_document(std::string_view text, Documents documents, const F& f) {
  std::size_t begin = text.npos, end = 0;  // of the document so far
  const auto finish = [&] {
    if (begin != text.npos) f(text.substr(begin, end - begin));
    begin = text.npos;
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t line_end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, line_end - at);
    const bool empty = line.find_first_not_of(" \t\r") == line.npos;
    if (!empty && begin == text.npos) begin = at;
    if (!empty) end = line_end - line.ends_with('\r');
    if (empty || documents == Documents::by_line) finish();
    at = line_end + 1;
  }
  finish();
}

/// Appends a document and a newline, which is one of the text's `ends`, and is scored where the byte before it is.
/// unscored: the bytes of the document that are not scored
inline void append_document(std::string_view document, TextPart& text, const Runs& unscored = {}) {
  const std::size_t before = text.bytes.size();
  text.bytes += document;
  text.ends.push_back(text.bytes.size());
  text.bytes += '\n';
  for (const Run& run : unscored) {
    const bool last = run.end == document.size();
    append_run(text.unscored, {run.begin + before, run.end + before + last});
  }
}

/// Appends the bytes `begin` to `end` of a text with their marks.
inline void append_part(const TextPart& whole, std::size_t begin, std::size_t end, TextPart& into) {
  const std::size_t before = into.bytes.size();
  const auto first = std::lower_bound(whole.ends.begin(), whole.ends.end(), begin),
             last = std::lower_bound(first, whole.ends.end(), end);
  for (auto one = first; one != last; ++one) into.ends.push_back(*one - begin + before);
  for_each_part(whole.unscored, begin, end, [&](Run run) {
    append_run(into.unscored, {run.begin - begin + before, run.end - begin + before});
  });
  into.bytes.append(whole.bytes, begin, end - begin);
}

/// Keeps the first `size` bytes with their marks.
inline void truncate(TextPart& text, std::size_t size) {
  text.bytes.resize(size);
  text.ends.erase(std::lower_bound(text.ends.begin(), text.ends.end(), size), text.ends.end());
  while (!text.unscored.empty() && text.unscored.back().begin >= size) text.unscored.pop_back();
  if (!text.unscored.empty()) text.unscored.back().end = std::min(text.unscored.back().end, size);
}

/// A text of documents with a space for each line end inside one. A split that prefers line ends cuts it between
/// documents.
inline TextBytes documents_as_lines(const TextPart& text) {
  TextBytes lines = text.bytes;
  std::replace(lines.begin(), lines.end(), '\n', ' ');
  for (const std::size_t end : text.ends) lines[end] = '\n';
  return lines;
}

/// Gives take(tokens, scored) the tokens of a text in order, with `eos` in place of the newline at each of its ends;
/// each document is encoded by itself. Without eos or ends: those of the text as it is. Scored and unscored runs are
/// encoded apart, so that no token is of both. The tokens are valid during the call.
template <class Take>
void encode_documents(const Tokenizer& tokenizer, const TextPart& text, std::optional<std::int32_t> eos,
                      const Take& take) {
  const auto encoder = tokenizer.encoder();
  const std::string_view bytes = text.bytes;
  auto run = text.unscored.begin();  // the first that ends beyond what is encoded
  const auto pass = [&](std::size_t at) {
    while (run != text.unscored.end() && run->end <= at) ++run;
  };
  const auto scored = [&](std::size_t at) { return run == text.unscored.end() || at < run->begin; };
  const auto encode = [&](std::size_t begin, std::size_t end) {
    for (std::size_t at = begin; at < end;) {
      const bool now = scored(at);
      const std::size_t stop = run == text.unscored.end() ? end : std::min(end, now ? run->begin : run->end);
      encoder->encode(bytes.substr(at, stop - at), at == begin,
                      [&](std::span<const std::int32_t> tokens) { take(tokens, now); });
      pass(at = stop);
    }
  };
  std::size_t begin = 0;
  if (eos)
    for (const std::size_t end : text.ends) {
      encode(begin, end);
      take(std::span<const std::int32_t>(&*eos, 1), scored(end));
      pass(begin = end + 1);
    }
  encode(begin, bytes.size());
}

}}}  // namespace neutra::NEUTRA_ABI::data
