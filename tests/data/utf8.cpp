#include "neutra/data/utf8.hpp"

#include "tests/data/samples.hpp"

using namespace neutra;
using namespace std::string_view_literals;

namespace {

// Every code point spelled out by hand, so that the table in utf8_length is checked against another way of writing it.
std::string spell(unsigned point) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((point >> shift) & 0x3f)); };
  if (point < 0x80) return {static_cast<char>(point)};
  if (point < 0x800) return {static_cast<char>(0xc0 | point >> 6), tail(0)};
  if (point < 0x10000) return {static_cast<char>(0xe0 | point >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | point >> 18), tail(12), tail(6), tail(0)};
}

}  // namespace

TEST_CASE("every code point is valid and every surrogate is not") {
  int wrong = 0;
  for (unsigned point = 0; point <= 0x110010; ++point) {
    const std::string text = spell(point);
    const bool valid = point <= 0x10ffff && !(point >= 0xd800 && point < 0xe000);
    wrong += data::utf8_length(text, 0) != (valid ? text.size() : 0);
    wrong += text.size() > 1 && data::utf8_length(text.substr(0, text.size() - 1), 0) != 0;  // cut short
  }
  CHECK(wrong == 0);
}

TEST_CASE("overlong forms and stray bytes are invalid") {
  for (const auto text : {"\x80"sv, "\xbf"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xe0\x80\x80"sv, "\xe0\x9f\xbf"sv, "\xf0\x80\x80\x80"sv,
                          "\xf0\x8f\xbf\xbf"sv, "\xf5\x80\x80\x80"sv, "\xff"sv, "\xe2\x28\xa1"sv, "\xf0\x9f\x28\x80"sv}) {
    CHECK(data::utf8_length(text, 0) == 0);
  }
}

TEST_CASE("the beginning of every character is told from what can never become one") {
  int wrong = 0;
  for (unsigned point = 0; point <= 0x10ffff; ++point) {
    if (point >= 0xd800 && point < 0xe000) continue;
    const std::string text = spell(point);
    for (std::size_t size = 1; size <= text.size(); ++size)
      wrong += data::utf8_unfinished("x\xc3\xa9\xff" + text.substr(0, size)) != (size < text.size() ? size : 0);
  }
  CHECK(wrong == 0);
  for (const auto text : {""sv, "\x80"sv, "\xbf\xbf\xbf"sv, "\xc0"sv, "\xc1"sv, "\xe0\x9f"sv, "\xed\xa0"sv, "\xf0\x8f"sv, "\xf4\x90"sv, "\xf5"sv,
                          "\xff"sv, "\xe2\x28"sv, "\xc3\xa9\xa9"sv})
    CHECK(data::utf8_unfinished(text) == 0);
}

TEST_CASE("the first invalid byte is found wherever it stands") {
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
