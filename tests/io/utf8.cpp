// Which bytes are UTF-8, and how the others are shown.
#include "neutra/io/utf8.hpp"

#include "tests/catch.hpp"

using namespace neutra;

TEST_CASE("utf-8 is told from what only looks like it") {
  const std::string good = "a\xc3\xa6\xe2\x82\xac\xf0\x9f\x98\x80";
  CHECK(io::utf8_prefix(good) == good.size());
  CHECK(io::utf8_prefix(good.substr(0, 9)) == 6);  // cut inside the last character
  CHECK(io::utf8_prefix("ab\xff") == 2);           // never a byte of UTF-8
  CHECK(io::utf8_prefix("\xc0\xaf") == 0);         // overlong
  CHECK(io::utf8_prefix("\xe0\x80\xaf") == 0);
  CHECK(io::utf8_prefix("\xf0\x80\x80\xaf") == 0);
  CHECK(io::utf8_prefix("\xed\xa0\x80") == 0);      // a surrogate
  CHECK(io::utf8_prefix("\xf4\x90\x80\x80") == 0);  // beyond U+10FFFF
  CHECK(io::shown("a\n\xff\x7f\xc3\xa6") == "a\\x0a\\xff\\x7f\xc3\xa6");
  CHECK(io::shown(std::string(1000, 'x'), 10) == "xxxxxxxxxx...");
}
