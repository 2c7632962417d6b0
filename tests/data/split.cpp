// Holding out a part of a text: near the requested share, at the best place for a cut, with nothing lost and no
// character split.
#include "neutra/data/split.hpp"

#include "tests/data/samples.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <sstream>

using namespace neutra;
using namespace std::string_view_literals;
using samples::fails_with;

namespace {

std::string repeated(std::string_view piece, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += piece;
  return text;
}

/// Documents of several sentences, one per line.
std::string documents(std::size_t count, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = text.size();
    for (std::size_t n = 0; text.size() - begin < bytes; ++n)
      text += concat("Sentence ", n, " of document ", i, " is here. ");
    text.back() = '\n';
  }
  return text;
}

/// The parts of a text in segments, each in the order of the text.
struct SpreadSplit {
  std::string train, held;
};
SpreadSplit spread(std::string_view text, double fraction) {
  SpreadSplit parts;
  for (const data::Segment& one : data::hold_out_segments(text, fraction)) {
    parts.train += text.substr(one.begin, one.cut - one.begin);
    parts.held += text.substr(one.cut, one.end - one.cut);
  }
  return parts;
}

/// Whether the position is not inside a valid character.
bool between_characters(std::string_view text, std::size_t at) {
  for (std::size_t back = 1; back <= 3 && back <= at; ++back)
    if (utf8_length(text, at - back) > back) return false;
  return true;
}

}  // namespace

TEST_CASE("the held part begins at the line end nearest to the last tenth") {
  std::string text;
  for (int line = 0; line < 100; ++line) text += "line " + std::to_string(line + 100) + "\n";  // 9 bytes each
  const data::Split split = data::hold_out(text, 0.1);
  CHECK(split.train.size() == 810);
  CHECK(split.held == std::string_view(text).substr(810));
  CHECK(data::hold_out(text, 0.5).train.size() == 450);
  const auto lines = [](std::size_t first, std::size_t second) {
    return std::string(first - 1, 'a') + '\n' + std::string(second - first - 1, 'b') + '\n' +
           std::string(100 - second, 'c');
  };
  CHECK(data::hold_out(lines(78, 83), 0.2).train.size() == 78);  // 80 was requested: 78 is nearer than 83
  CHECK(data::hold_out(lines(77, 82), 0.2).train.size() == 82);
  CHECK(data::hold_out(lines(78, 82), 0.2).train.size() == 78);  // equally near: the earlier one
  CHECK(data::hold_out(lines(75, 99), 0.2).train.size() == 75);  // a quarter more than requested
  CHECK(data::hold_out(lines(74, 99), 0.2).train.size() == 80);  // no longer near
  CHECK(data::hold_out(lines(10, 85), 0.2).train.size() == 85);  // a quarter less
  CHECK(data::hold_out(lines(10, 86), 0.2).train.size() == 80);
}

TEST_CASE(
    "without a line end near a text is cut behind a sentence, else a word, else a character, and never inside one") {
  // The position of the cut in the second half of 100 characters, in characters of the piece.
  const auto cut = [](std::string_view piece) {
    const std::string text = repeated("x", 700) + std::string(piece);
    const auto split = data::hold_out(text, static_cast<double>(piece.size()) / static_cast<double>(text.size()));
    CHECK(std::string(split.train).append(split.held) == text);
    CHECK(between_characters(text, split.train.size()));
    return split.train.size() - 700;
  };
  const std::string rest = repeated("y", 200);
  CHECK(cut("aa bb. Cc" + rest) == 7);  // after the sentence, not after the word before it
  CHECK(cut("aa bb! Cc" + rest) == 7);
  CHECK(cut("aa \"bb?\") Cc" + rest) == 10);  // closing quotes and brackets belong to the sentence
  CHECK(cut("aa \u201cbb.\u201d Cc" + rest) == 13);
  CHECK(cut("aa 3.14 bb" + rest) == 3);                      // no sentence end: after the first word
  CHECK(cut("aa. Bb\nCc" + rest) == 7);                      // a line end, if one is in reach
  CHECK(cut("aa. Bb\r\nCc" + rest) == 8);                    // never between CR and LF
  CHECK(cut("aa. Bb\rCc" + rest) == 7);                      // CR alone ends a line too
  CHECK(cut("\u6f22\u5b57\u3002\u6f22\u5b57" + rest) == 9);  // scripts without spaces
  CHECK(cut("\u6f22\u3002\u300d\u6f22" + rest) == 9);
  CHECK(cut("\u0915\u0964 \u0915" + rest) == 7);
  CHECK(cut("\u6f22\u3000\u5b57" + rest) == 6);
  CHECK(cut(rest) == 0);
  // No space at all, four bytes per character.
  for (std::size_t lead = 0; lead < 4; ++lead) {
    const std::string text = std::string(lead, 'x') + repeated("\xf0\x9f\x98\x80", 100);
    const auto split = data::hold_out(text, 0.1);
    CHECK(between_characters(text, split.train.size()));
    CHECK(static_cast<double>(split.held.size()) == Approx(40).margin(3));
  }
}

TEST_CASE("texts of every form are cut near the share, and nothing of them is lost") {
  std::mt19937 random(7);
  std::string no_newline = repeated("a sentence. ", 9000), words = repeated("word ", 30000);
  const std::vector<std::string> texts = {documents(20, 60000),
                                          documents(200, 40000),
                                          documents(1, 500000),
                                          repeated(std::string(999, 'x') + "\n", 6000),
                                          documents(700, 3000),
                                          documents(300, 5000),
                                          documents(400, 12000),
                                          "A title\n" + words,
                                          "A title\n\n" + documents(3, 200000),
                                          repeated("line of text\r", 40000),
                                          repeated("line of text\r\n", 40000),
                                          no_newline,
                                          words,
                                          repeated("x", 100000),
                                          repeated(" ", 100000),
                                          repeated("\n", 100000),
                                          repeated(" \n\t", 50000),
                                          repeated("\u6f22\u5b57\u3002", 30000),
                                          repeated("\u6f22", 50000),
                                          repeated("e\u0301", 50000),
                                          repeated("\xff", 100000),
                                          repeated("\x80\xbf", 50000),
                                          repeated("\xf0\x9f", 50000),
                                          samples::random_bytes(random, 200000, false),
                                          samples::random_bytes(random, 200000, true),
                                          repeated("line\n", 20000) + words,
                                          repeated("x", 300000) + "\n" + repeated("line\n", 40000),
                                          repeated("line\n", 40000) + repeated("x", 300000)};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    INFO("text " << i);
    const std::string& text = texts[i];
    const double size = static_cast<double>(text.size());
    const auto split = data::hold_out(text, 0.1);
    CHECK(std::string(split.train).append(split.held) == text);
    CHECK(static_cast<double>(split.held.size()) / size == Approx(0.1).margin(0.025));
    const double fraction = std::min(0.1, 524288 / size);
    const auto parts = spread(text, fraction);
    CHECK(parts.train.size() + parts.held.size() == text.size());
    const double share = static_cast<double>(parts.held.size()) / (fraction * size);
    CHECK(share >= 0.9);
    CHECK(static_cast<double>(parts.held.size()) <= fraction * size + std::min(fraction * size / 12, 4096.0) + 1);
    if (!data::find_invalid_utf8(text)) {
      CHECK(between_characters(text, split.train.size()));
      CHECK_FALSE(data::find_invalid_utf8(parts.held));
      CHECK_FALSE(data::find_invalid_utf8(parts.train));
    }
  }
}

TEST_CASE("documents of one line are cut at sentence ends, from all over the text") {
  const std::string text = documents(200, 40000);
  const auto parts = spread(text, 524288.0 / static_cast<double>(text.size()));
  CHECK(parts.held.size() <= 524288);
  CHECK(parts.held.size() > 524288 * 99 / 100);
  std::set<std::string> seen;
  for (std::size_t at = 0; (at = parts.held.find("document ", at)) != std::string::npos; ++at)
    seen.insert(parts.held.substr(at + 9, 3));
  CHECK(seen.size() >= 50);
  CHECK(parts.held.starts_with("Sentence "));
  for (std::size_t at = parts.held.find('\n'); at + 1 < parts.held.size(); at = parts.held.find('\n', at + 1))
    CHECK(parts.held.substr(at + 1, 9) == "Sentence ");
}

TEST_CASE("a text that cannot be split is an error") {
  const std::string text = repeated("line\n", 100);
  for (const double fraction : {0.0, 1.0, -0.1, 2.0, std::nan("")}) {
    CHECK(fails_with([&] { data::hold_out(text, fraction); }, "fraction to hold out must lie inside (0, 1)"));
    CHECK(fails_with([&] { spread(text, fraction); }, "fraction to hold out must lie inside (0, 1)"));
  }
  for (const auto few : {""sv, "\n"sv, "one line"sv, "one line\n"sv, "a\nb\n"sv}) {
    CHECK(fails_with([&] { data::hold_out(few, 0.1, "this text"); },
                     concat("this text: ", few.size(), " bytes are too few to take 0.1 of them")));
    CHECK(fails_with([&] { spread(few, 0.1); }, "too few to take 0.1"));
  }
  CHECK(fails_with([&] { data::hold_out(text, 1e-9); }, "too few"));
  CHECK(fails_with([&] { data::hold_out(text, 1 - 1e-9); }, "too few"));
  CHECK(data::hold_out("one line of less than forty byte\n"sv, 0.2).held.size() == 7);
}

TEST_CASE("a tenth taken throughout a text of short lines keeps the order and loses nothing") {
  std::string text;
  for (int line = 0; line < 40000; ++line)
    text += "line " + std::to_string(line + 100000) + "\n";  // 12 bytes each: 14 segments of 32 KiB
  const auto parts = spread(text, 0.1);
  CHECK(parts.train.size() + parts.held.size() == text.size());
  CHECK(static_cast<double>(parts.held.size()) == Approx(0.1 * static_cast<double>(text.size())).epsilon(0.01));
  std::vector<std::string> lines;
  std::istringstream held(parts.held);
  for (std::string line; std::getline(held, line);) lines.push_back(line);
  CHECK(std::is_sorted(lines.begin(), lines.end()));
  std::set<std::string> thousands;
  for (const std::string& line : lines) {
    REQUIRE(line.size() == 11);  // whole lines
    thousands.insert(line.substr(0, 8));
  }
  CHECK(thousands.size() >= 14);
  CHECK(parts.train.find(lines.front()) == std::string::npos);
}
