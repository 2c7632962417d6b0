/// A part of a text held out: cut at line ends where these come near the share that was asked for, else between
/// sentences, words or characters.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/data/utf8.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

namespace detail {

/// `at`, or the end of the character or of the CR LF that it lies inside of.
inline std::size_t character_boundary(std::string_view text, std::size_t at) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, at); ++back)
    if (const std::size_t length = utf8_length(text, at - back); length > back) return at - back + length;
  const bool inside = at > 0 && at < text.size() && text[at - 1] == '\r' && text[at] == '\n';
  return at + inside;
}

/// Where sentences end, read character by character. A stop ends one where a space follows; a wide stop, of scripts
/// without spaces, by itself.
class Sentences {
 public:
  /// The next character, which ends at `end`.
  void read(char32_t c, std::size_t end) {
    if (wide_stops.find(c) != wide_stops.npos) {
      after_stop_ = wide_ = true;
      candidate_ = end;
    } else if (stops.find(c) != stops.npos) {
      after_stop_ = true;
      wide_ = false;
    } else if (after_stop_ && closers.find(c) != closers.npos) {
      if (wide_) candidate_ = end;
    } else {
      if (after_stop_ && is_space(c)) candidate_ = end;
      ended_ = candidate_;
      candidate_ = 0;
      after_stop_ = wide_ = false;
    }
  }
  /// Where the sentence ended that the last character showed to be complete; 0: it showed none.
  std::size_t ended() const { return ended_; }
  static bool is_space(char32_t c) { return spaces.find(c) != spaces.npos; }

 private:
  static constexpr std::u32string_view stops = U".!?\u2026\u061f\u06d4\u0589",
                                       wide_stops = U"\u3002\uff01\uff1f\uff61\u0964\u0965\u104b\u1362\u17d4\u0f0d",
                                       closers =
                                           U"\"')]}\u00bb\u2019\u201d\u203a\u300d\u300f\u3009\u300b\u3011\u3015\uff09",
                                       spaces = U" \t\n\v\f\r\u1680\u2028\u2029\u3000";
  bool after_stop_ = false, wide_ = false;  // a stop was read, and closers at most since
  std::size_t candidate_ = 0, ended_ = 0;
};

/// Where in [from, last] a cut hurts least: the first line end, else the first end of a sentence, else of a word, else
/// of a character. A line ends in LF, CR LF or CR. May be up to three bytes behind `last` where no character ends
/// before.
inline std::size_t cut_place(std::string_view text, std::size_t from, std::size_t last) {
  from = character_boundary(text, from);
  std::size_t sentence = 0, word = 0;
  Sentences sentences;
  // from a little before on, since a sentence may end right at `from`
  for (std::size_t at = character_boundary(text, from - std::min<std::size_t>(from, 8)); at < last;) {
    const std::size_t length = utf8_length(text, at);
    const char32_t c = length == 0 ? U'\ufffd' : code_point(text.substr(at, length));
    at += std::max<std::size_t>(length, 1);
    if (at > last || (c == '\r' && at < text.size() && text[at] == '\n')) continue;
    if (at >= from && (c == '\n' || c == '\r')) return at;
    sentences.read(c, at);
    if (sentence == 0 && sentences.ended() >= from) sentence = sentences.ended();
    if (word == 0 && at >= from && Sentences::is_space(c)) word = at;
  }
  return sentence > 0 ? sentence : word > 0 ? word : from;
}

/// The line end (after LF) inside the text that is nearest to `wanted`, the earlier of two equally near; 0: there is
/// none.
inline std::size_t nearest_line_end(std::string_view text, std::size_t wanted) {
  const std::string_view inside = text.substr(0, text.size() - 1);  // a final newline ends the text and cuts nothing
  const std::size_t before = wanted == 0 ? inside.npos : inside.rfind('\n', wanted - 1);
  const std::size_t after = wanted > inside.size() ? inside.npos : inside.find('\n', wanted);
  if (before == inside.npos) return after == inside.npos ? 0 : after + 1;
  return after == inside.npos || wanted - (before + 1) <= after + 1 - wanted ? before + 1 : after + 1;
}

/// Whether a part of `held` bytes may stand for one of `wanted`: a quarter more or less. What is near is a choice: in
/// prose a line end misses the share by some hundred bytes, in texts of one document a line by any amount.
inline bool is_near(std::size_t held, std::size_t wanted) {
  return held >= wanted - wanted / 4 && held <= wanted + wanted / 4;
}

/// Bytes of a text of `size` that are to be held out.
inline std::size_t share_of(std::size_t size, double fraction) {
  return size - static_cast<std::size_t>(std::llround(static_cast<double>(size) * (1.0 - fraction)));
}

/// Error: a fraction that is none; a part shorter than the longest character, which could be empty.
inline void check_share(std::size_t size, double fraction, std::string_view what) {
  require(fraction > 0.0 && fraction < 1.0, what, ": the fraction to hold out must lie inside (0, 1), got ", fraction,
          "; 0.1 is usual");
  const std::size_t held = share_of(size, fraction);
  require(held >= 4 && size - held >= 4, what, ": ", size, " bytes are too few to take ", fraction,
          " of them; give more text");
}

/// Where stretch i of n ends: at the first line end behind its equal share, or where that is far, as cut_place.
inline std::size_t stretch_end(std::string_view text, std::size_t i, std::size_t n) {
  if (i == n) return text.size();
  const std::size_t equal = i * text.size() / n, far = equal + text.size() / n / 4;
  const std::size_t line = text.substr(0, far).find('\n', equal);
  return line != text.npos ? line + 1 : cut_place(text, equal, far);
}

}  // namespace detail

/// Two parts of one text, in order, nothing lost between them.
struct Split {
  std::string_view train, held;
};

/// Cuts the last `fraction` of the text off: at the line end (after LF) nearest to size * (1 - fraction) where what it
/// holds out is within a quarter of that, else at or behind that point, where a line, a sentence, a word or a character
/// ends. Both parts are views into text and hold a character at least; `what` opens messages. Errors: fraction outside
/// (0, 1); a text of a few bytes.
inline Split hold_out(std::string_view text, double fraction, std::string_view what = "holding out text") {
  detail::check_share(text.size(), fraction, what);
  const std::size_t held = detail::share_of(text.size(), fraction), wanted = text.size() - held,
                    line = detail::nearest_line_end(text, wanted);
  const bool near = line > 0 && detail::is_near(text.size() - line, held);
  const std::size_t cut = near ? line : detail::cut_place(text, wanted, wanted + held / 4);
  return {text.substr(0, cut), text.substr(cut)};
}

/// Two parts of one text as strings of their own, each in the order of the text.
struct SpreadSplit {
  std::string train, held;
};

/// Cuts the end of each of up to 50 stretches of the text off, of equal size and at least 32 KiB, so that what is held
/// comes from every file and genre of a text that joins several. As hold_out, except that the whole is bounded: a line
/// end before the wanted point is taken only while no more than a twelfth and no more than 4 KiB is held beyond
/// `fraction`, which line ends of prose keep to. Later stretches make up for it. Errors: as hold_out.
inline SpreadSplit hold_out_throughout(std::string_view text, double fraction,
                                       std::string_view what = "holding out text") {
  detail::check_share(text.size(), fraction, what);
  const std::size_t stretches = std::clamp<std::size_t>(text.size() >> 15, 1, 50);
  const std::size_t excess = std::min<std::size_t>(detail::share_of(text.size(), fraction) / 12, 4096);
  SpreadSplit parts;
  for (std::size_t i = 1, begin = 0; i <= stretches; ++i) {
    const std::size_t end = detail::stretch_end(text, i, stretches), asked = detail::share_of(end, fraction);
    const std::string_view stretch = text.substr(begin, end - begin);
    const std::size_t held = detail::share_of(stretch.size(), fraction),
                      line = detail::nearest_line_end(stretch, stretch.size() - held);
    const bool near = line > 0 && detail::is_near(stretch.size() - line, held);
    std::size_t cut = line;
    if (!near || parts.held.size() + stretch.size() - line > asked + excess) {
      const std::size_t owed = std::min(asked - std::min(asked, parts.held.size()), stretch.size()),
                        wanted = stretch.size() - owed;
      cut = std::min(detail::cut_place(stretch, wanted, wanted + owed / 4), stretch.size());
    }
    parts.train += stretch.substr(0, cut);
    parts.held += stretch.substr(cut);
    begin = end;
  }
  return parts;
}

}}}  // namespace neutra::NEUTRA_ABI::data
