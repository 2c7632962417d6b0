/// Holding out a part of a text: cut at a line end if one is near the requested share, otherwise between sentences,
/// words or characters.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/data/utf8.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

namespace detail {

/// `at`, or the end of the character or CR LF that contains it.
inline std::size_t character_boundary(std::string_view text, std::size_t at) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, at); ++back)
    if (const std::size_t length = utf8_length(text, at - back); length > back) return at - back + length;
  const bool inside = at > 0 && at < text.size() && text[at - 1] == '\r' && text[at] == '\n';
  return at + inside;
}

/// Finds sentence ends, reading one character at a time. A full stop ends a sentence if a space follows; a wide stop
/// (scripts without spaces) ends one by itself.
class Sentences {
 public:
  /// Reads the next character, which ends at offset `end`.
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
  /// The end of the sentence that the last character showed to be complete; 0 if it showed none.
  std::size_t ended() const { return ended_; }
  static bool is_space(char32_t c) { return spaces.find(c) != spaces.npos; }

 private:
  static constexpr std::u32string_view stops = U".!?\u2026\u061f\u06d4\u0589",
                                       wide_stops = U"\u3002\uff01\uff1f\uff61\u0964\u0965\u104b\u1362\u17d4\u0f0d",
                                       closers =
                                           U"\"')]}\u00bb\u2019\u201d\u203a\u300d\u300f\u3009\u300b\u3011\u3015\uff09",
                                       spaces = U" \t\n\v\f\r\u1680\u2028\u2029\u3000";
  bool after_stop_ = false, wide_ = false;  // a stop was read, and since then only closing quotes or brackets
  std::size_t candidate_ = 0, ended_ = 0;
};

/// The best place for a cut in [from, last]: the first line end (LF, CR LF or CR), otherwise the first end of a
/// sentence, of a word, or of a character. Up to three bytes beyond `last` if no character ends before it.
inline std::size_t best_cut(std::string_view text, std::size_t from, std::size_t last) {
  from = character_boundary(text, from);
  std::size_t sentence = 0, word = 0;
  Sentences sentences;
  // Starts a little before, since a sentence may end exactly at `from`.
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

/// The line end (after LF) inside the text that is nearest to `wanted`, the earlier of two equally near;
/// 0 if there is none.
inline std::size_t nearest_line_end(std::string_view text, std::size_t wanted) {
  const std::string_view inside = text.substr(0, text.size() - 1);  // a final newline is not a place to cut
  const std::size_t before = wanted == 0 ? inside.npos : inside.rfind('\n', wanted - 1);
  const std::size_t after = wanted > inside.size() ? inside.npos : inside.find('\n', wanted);
  if (before == inside.npos) return after == inside.npos ? 0 : after + 1;
  return after == inside.npos || wanted - (before + 1) <= after + 1 - wanted ? before + 1 : after + 1;
}

/// Whether `held` bytes are within a quarter of `wanted`. The tolerance is a choice: in prose a line end misses the
/// share by a few hundred bytes, in a text that is one long line by any amount.
inline bool is_near(std::size_t held, std::size_t wanted) {
  return held >= wanted - wanted / 4 && held <= wanted + wanted / 4;
}

/// The number of bytes to hold out of `size`.
inline std::size_t held_bytes(std::size_t size, double fraction) {
  return size - static_cast<std::size_t>(std::llround(static_cast<double>(size) * (1.0 - fraction)));
}

/// Error: a fraction outside (0, 1); a part shorter than the longest character, which might come out empty.
inline void check_share(std::size_t size, double fraction, std::string_view what) {
  require(fraction > 0.0 && fraction < 1.0, what, ": the fraction to hold out must lie inside (0, 1), got ", fraction,
          "; 0.1 is usual");
  const std::size_t held = held_bytes(size, fraction);
  require(held >= 4 && size - held >= 4, what, ": ", size, " bytes are too few to take ", fraction,
          " of them; give more text");
}

/// The end of segment i of n: the first line end after an equal share, or best_cut if that is too far.
inline std::size_t segment_end(std::string_view text, std::size_t i, std::size_t n) {
  if (i == n) return text.size();
  const std::size_t equal = i * text.size() / n, far = equal + text.size() / n / 4;
  const std::size_t line = text.substr(0, far).find('\n', equal);
  return line != text.npos ? line + 1 : best_cut(text, equal, far);
}

}  // namespace detail

/// Two consecutive parts that together are the whole text.
struct Split {
  std::string_view train, held;
};

/// Holds out the last `fraction` of the text. The cut is the line end (after LF) nearest to size * (1 - fraction) if
/// the part held out is then within a quarter of the requested size; otherwise the first end of a line, sentence, word
/// or character at or after that point. Both parts are views into text and are not empty. `what` opens messages.
/// Errors: a fraction outside (0, 1); a text of a few bytes.
inline Split hold_out(std::string_view text, double fraction, std::string_view what = "holding out text") {
  detail::check_share(text.size(), fraction, what);
  const std::size_t held = detail::held_bytes(text.size(), fraction), wanted = text.size() - held,
                    line = detail::nearest_line_end(text, wanted);
  const bool near = line > 0 && detail::is_near(text.size() - line, held);
  const std::size_t cut = near ? line : detail::best_cut(text, wanted, wanted + held / 4);
  return {text.substr(0, cut), text.substr(cut)};
}

/// A segment of a text: the bytes from `begin` to `cut` are trained on, those to `end` are held out.
struct Segment {
  std::size_t begin, cut, end;
};

/// Holds out the end of each of up to 50 segments of equal size (at least 32 KiB), so that every file and genre of a
/// concatenated text is represented. Cuts as hold_out does, but bounds the total: a line end before the requested point
/// is taken only while the held-out part exceeds `fraction` by at most a twelfth and at most 4 KiB. Line ends of prose
/// stay within that; later segments compensate. Errors: as hold_out.
inline std::vector<Segment> hold_out_segments(std::string_view text, double fraction,
                                              std::string_view what = "holding out text") {
  detail::check_share(text.size(), fraction, what);
  const std::size_t segments = std::clamp<std::size_t>(text.size() >> 15, 1, 50);
  const std::size_t excess = std::min<std::size_t>(detail::held_bytes(text.size(), fraction) / 12, 4096);
  std::vector<Segment> all;
  std::size_t total = 0;  // held out so far
  for (std::size_t i = 1, begin = 0; i <= segments; ++i) {
    const std::size_t end = detail::segment_end(text, i, segments), asked = detail::held_bytes(end, fraction);
    const std::string_view segment = text.substr(begin, end - begin);
    const std::size_t held = detail::held_bytes(segment.size(), fraction),
                      line = detail::nearest_line_end(segment, segment.size() - held);
    const bool near = line > 0 && detail::is_near(segment.size() - line, held);
    std::size_t cut = line;
    if (!near || total + segment.size() - line > asked + excess) {
      const std::size_t owed = std::min(asked - std::min(asked, total), segment.size()), wanted = segment.size() - owed;
      cut = std::min(detail::best_cut(segment, wanted, wanted + owed / 4), segment.size());
    }
    all.push_back({begin, begin + cut, end});
    total += segment.size() - cut;
    begin = end;
  }
  return all;
}

}}}  // namespace neutra::NEUTRA_ABI::data
