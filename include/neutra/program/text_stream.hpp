/// The text that tokens form one by one, streamed to standard output.
#pragma once

#include "neutra/data/tokenizer.hpp"
#include "neutra/data/utf8.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

/// The tokens that may be generated: those that decode to text, and those that end a text. The vocabulary may have more
/// rows, as padding.
inline std::vector<std::int32_t> sayable(const data::Tokenizer& tokenizer, Index vocabulary,
                                         const std::set<Index>& ends) {
  std::vector<std::int32_t> ids;
  for (Index id = 0; id < vocabulary; ++id)
    if (tokenizer.knows(static_cast<std::int32_t>(id)) || ends.contains(id))
      ids.push_back(static_cast<std::int32_t>(id));
  return ids;
}

/// The text that the last token adds to the tokens before it. begun: whether those have any text. If so, the last token
/// is decoded alone behind a letter, since a tokenizer may drop a space at the start of a text.
inline std::string last_decoded(const data::Tokenizer& tokenizer, std::span<const std::int32_t> ids, bool begun) {
  if (!begun) return tokenizer.decode(ids);
  std::vector<std::int32_t> behind_letter = tokenizer.encode("a");
  behind_letter.push_back(ids.back());
  return tokenizer.decode(behind_letter).substr(1);
}

/// Streams text to standard output while it is generated. The bytes of an incomplete character are held back until it
/// is complete, and what may begin a stop string until it does not. Whatever ends the text, even an error, leaves what
/// was generated, up to the stop string if there is one, and a newline.
class TextStream {
 public:
  explicit TextStream(std::vector<std::string> stops = {}) : stops_(std::move(stops)) {}
  TextStream(const TextStream&) = delete;
  ~TextStream() {
    write(text_.size());
    std::fputc('\n', stdout);
    std::fflush(stdout);
  }

  bool empty() const { return text_.empty(); }
  /// Writes what the generated text continues, which stop strings are not looked for in. False: see append.
  bool begin(std::string_view prompt) {
    text_ += prompt;
    prompt_ = text_.size();
    return write(text_.size() - data::utf8_unfinished(text_));
  }
  /// Appends text. False if the output can no longer be read by anyone, or if the text has reached a stop string.
  bool append(std::string_view more) {
    const std::size_t before = text_.size();
    text_ += more;
    std::size_t held = data::utf8_unfinished(text_), end = text_.size();
    for (const std::string& stop : stops_) {
      const std::size_t from = std::max(prompt_, before - std::min(before, stop.size() - 1));
      end = std::min(end, text_.find(stop, from));
      held = std::max(held, begun(stop));
    }
    const bool stopped = end < text_.size();
    text_.resize(end);
    return write(stopped ? end : end - held) && !stopped;
  }

 private:
  /// How many bytes at the end of the text are the beginning of a stop string.
  std::size_t begun(const std::string& stop) const {
    std::size_t bytes = std::min(stop.size() - 1, text_.size() - prompt_);
    while (bytes > 0 && !std::string_view(text_).ends_with(std::string_view(stop).substr(0, bytes))) --bytes;
    return bytes;
  }
  bool write(std::size_t end) {
    if (end > written_) written_ += std::fwrite(text_.data() + written_, 1, end - written_, stdout);
    return std::fflush(stdout) == 0 && written_ >= end;
  }
  std::vector<std::string> stops_;
  std::string text_;
  std::size_t prompt_ = 0, written_ = 0;
};

}}}  // namespace neutra::NEUTRA_ABI::program
