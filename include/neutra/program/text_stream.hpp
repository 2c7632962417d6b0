/// Sampling tokens one by one, and streaming the text they form.
#pragma once

#include "neutra/core/view.hpp"
#include "neutra/data/tokenizer.hpp"
#include "neutra/data/utf8.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

/// Draws a token of `among` from softmax(logits / temperature) over these tokens; temperature 0 takes the most likely
/// one. `uniform` is in [0, 1).
inline std::int32_t sample(View<const float> logits, std::span<const std::int32_t> among, double temperature,
                           double uniform) {
  const auto logit = [&](std::int32_t id) { return static_cast<double>(logits.data[id]); };
  const std::int32_t best = *std::max_element(among.begin(), among.end(),
                                              [&](std::int32_t a, std::int32_t b) { return logit(a) < logit(b); });
  if (temperature == 0) return best;
  double total = 0;
  const auto weight = [&](std::int32_t id) { return std::exp((logit(id) - logit(best)) / temperature); };
  for (const std::int32_t id : among) total += weight(id);
  double left = uniform * total;
  for (const std::int32_t id : among)
    if ((left -= weight(id)) < 0) return id;
  return best;  // rounding used up the last probability
}

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
/// is complete. Whatever ends the text, even an error, leaves what was generated and a newline.
class TextStream {
 public:
  TextStream() = default;
  TextStream(const TextStream&) = delete;
  ~TextStream() {
    write(text_.size());
    std::fputc('\n', stdout);
    std::fflush(stdout);
  }

  bool empty() const { return text_.empty(); }
  /// Appends text. False if the output can no longer be read by anyone.
  bool append(std::string_view more) {
    text_ += more;
    return write(text_.size() - data::utf8_unfinished(text_));
  }

 private:
  bool write(std::size_t end) {
    written_ += std::fwrite(text_.data() + written_, 1, end - written_, stdout);
    return std::fflush(stdout) == 0 && written_ == end;
  }
  std::string text_;
  std::size_t written_ = 0;
};

}}}  // namespace neutra::NEUTRA_ABI::program
