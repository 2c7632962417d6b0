/// Texts of several documents: finding them, cutting their text, and their tokens.
#pragma once

#include "neutra/data/text.hpp"
#include "neutra/data/tokenizer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
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

/// Appends a document and a newline, which is one of the text's `ends`.
inline void append_document(std::string_view document, Text& text) {
  text.bytes += document;
  text.ends.push_back(text.bytes.size());
  text.bytes += '\n';
}

/// Appends the bytes `begin` to `end` of a text, and the ends of documents among them.
inline void append_part(const Text& whole, std::size_t begin, std::size_t end, std::string& bytes,
                        std::vector<std::size_t>& ends) {
  const auto first = std::lower_bound(whole.ends.begin(), whole.ends.end(), begin),
             last = std::lower_bound(first, whole.ends.end(), end);
  for (auto one = first; one != last; ++one) ends.push_back(*one - begin + bytes.size());
  bytes.append(whole.bytes, begin, end - begin);
}

/// A text of documents with a space for each line end inside one. A split that prefers line ends cuts it between
/// documents.
inline std::string documents_as_lines(const Text& text) {
  std::string lines = text.bytes;
  std::replace(lines.begin(), lines.end(), '\n', ' ');
  for (const std::size_t end : text.ends) lines[end] = '\n';
  return lines;
}

/// The tokens of a text, with `eos` in place of the newline at each of `ends`; each document is encoded by itself.
/// Without eos or ends: those of the text as it is.
inline std::vector<std::int32_t> encode_documents(const Tokenizer& tokenizer, std::string_view text,
                                                  const std::vector<std::size_t>& ends,
                                                  std::optional<std::int32_t> eos) {
  if (!eos || ends.empty()) return tokenizer.encode(text);
  std::vector<std::int32_t> ids;
  std::size_t begin = 0;
  const auto add = [&](std::size_t end) {
    const std::vector<std::int32_t> own = tokenizer.encode(text.substr(begin, end - begin));
    ids.insert(ids.end(), own.begin(), own.end());
    begin = end + 1;
  };
  for (const std::size_t end : ends) {
    add(end);
    ids.push_back(*eos);
  }
  if (begin < text.size()) add(text.size());  // a document that was cut
  return ids;
}

}}}  // namespace neutra::NEUTRA_ABI::data
