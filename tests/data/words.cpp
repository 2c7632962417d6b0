#include "neutra/data/words.hpp"

#include "tests/data/samples.hpp"

using namespace neutra;
using namespace std::string_view_literals;

namespace {

using Parts = std::vector<std::pair<std::string, bool>>;

Parts words_of(std::string_view text) {
  Parts parts;
  data::for_each_word(text, [&](std::string_view word, bool raw) { parts.emplace_back(word, raw); });
  return parts;
}

Parts lines_of(std::string_view text) {
  Parts parts;
  data::for_each_line(text, [&](std::string_view line, bool raw) { parts.emplace_back(line, raw); });
  return parts;
}

std::string joined(const Parts& parts) {
  std::string text;
  for (const auto& [part, raw] : parts) text += part;
  return text;
}

}  // namespace

TEST_CASE("words begin before spaces and after newlines") {
  CHECK(words_of("a  bc\n\nd \ne") ==
        Parts{{"a", false}, {"  bc\n\n", false}, {"d", false}, {" \n", false}, {"e", false}});
  CHECK(lines_of("a  bc\n\nd \ne") == Parts{{"a  bc\n\n", false}, {"d \n", false}, {"e", false}});
}

TEST_CASE("invalid bytes and reserved characters are separate words") {
  CHECK(words_of("a\xff\xfe"
                 "b\xe2\x96\x81\0c"sv) == Parts{{"a", false},
                                                {"\xff", true},
                                                {"\xfe", true},
                                                {"b", false},
                                                {"\xe2\x96\x81", true},
                                                {std::string(1, '\0'), true},
                                                {"c", false}});
  CHECK(lines_of("a b\xff c\n") == Parts{{"a b", false}, {"\xff", true}, {" c\n", false}});
}

TEST_CASE("nothing is lost, every part is bounded, and parts that are not raw are valid") {
  std::mt19937 random(5);
  std::vector<std::string> texts(samples::awkward.begin(), samples::awkward.end());
  for (int k = 0; k < 200; ++k) texts.push_back(samples::random_bytes(random, random() % 300, k % 2 == 0));
  texts.push_back(std::string(50000, 'x'));
  std::string accents = "x";
  for (int k = 0; k < 10000; ++k) accents += "\xc3\xa9";  // the length limit must not split a character
  texts.push_back(accents);
  for (const std::string& text : texts) {
    for (const Parts& parts : {words_of(text), lines_of(text)}) {
      CHECK(joined(parts) == text);
      for (const auto& [part, raw] : parts) {
        if (part.empty() || part.size() > data::longest_stretch || (!raw && data::find_invalid_utf8(part)))
          FAIL("a bad part of " << part.size() << " bytes");
      }
    }
  }
}

TEST_CASE("a long line is cut between words") {
  std::string line;
  while (line.size() < 3 * data::longest_stretch) line += " seven12";
  for (const auto& [part, raw] : lines_of(line)) {
    CHECK(part.starts_with(" seven12"));
    CHECK(part.ends_with(" seven12"));
  }
}
