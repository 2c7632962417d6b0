#include "neutra/core/utf8.hpp"

#include "tests/data/samples.hpp"

using namespace neutra;
using namespace std::string_view_literals;

TEST_CASE("every code point is valid and every surrogate is not") {
  CHECK(utf8_length("") == 0);
  int wrong = 0;
  for (unsigned point = 0; point <= 0x110010; ++point) {
    const std::string text = samples::spell(point);
    const bool valid = point <= 0x10ffff && !(point >= 0xd800 && point < 0xe000);
    wrong += utf8_length(text, 0) != (valid ? text.size() : 0);
    wrong += valid && code_point(text) != point;
    wrong += text.size() > 1 && utf8_length(text.substr(0, text.size() - 1), 0) != 0;  // truncated
  }
  CHECK(wrong == 0);
}

TEST_CASE("overlong forms and stray bytes are invalid") {
  for (const auto text :
       {"\x80"sv, "\xbf"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xe0\x80\x80"sv, "\xe0\x9f\xbf"sv, "\xf0\x80\x80\x80"sv,
        "\xf0\x8f\xbf\xbf"sv, "\xf5\x80\x80\x80"sv, "\xff"sv, "\xe2\x28\xa1"sv, "\xf0\x9f\x28\x80"sv}) {
    CHECK(utf8_length(text, 0) == 0);
  }
}
