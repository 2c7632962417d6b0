#include "neutra/data/utf8.hpp"

#include "tests/data/samples.hpp"

using namespace neutra;
using namespace std::string_view_literals;

TEST_CASE("the beginning of a character is distinguished from bytes that can never become one") {
  int wrong = 0;
  for (unsigned point = 0; point <= 0x10ffff; ++point) {
    if (point >= 0xd800 && point < 0xe000) continue;
    const std::string text = samples::spell(point);
    for (std::size_t size = 1; size <= text.size(); ++size)
      wrong += data::utf8_unfinished("x\xc3\xa9\xff" + text.substr(0, size)) != (size < text.size() ? size : 0);
  }
  CHECK(wrong == 0);
  for (const auto text : {""sv, "\x80"sv, "\xbf\xbf\xbf"sv, "\xc0"sv, "\xc1"sv, "\xe0\x9f"sv, "\xed\xa0"sv,
                          "\xf0\x8f"sv, "\xf4\x90"sv, "\xf5"sv, "\xff"sv, "\xe2\x28"sv, "\xc3\xa9\xa9"sv})
    CHECK(data::utf8_unfinished(text) == 0);
}

TEST_CASE("the first invalid byte is found at any position") {
  CHECK_FALSE(data::find_invalid_utf8(""));
  CHECK_FALSE(data::find_invalid_utf8(samples::five_languages));
  for (std::size_t at = 0; at < 40; ++at) {
    std::string text(40, 'a');
    text[at] = '\xff';
    CHECK(data::find_invalid_utf8(text) == at);
    CHECK(data::find_invalid_utf8(text.substr(0, at) + "\xc3\xa9" + text.substr(at)) == at + 2);
  }
  CHECK(data::find_invalid_utf8("plain text that ends inside a letter \xc3") == 37);
}
