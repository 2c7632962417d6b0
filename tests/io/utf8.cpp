// Recognising UTF-8, and showing other bytes.
#include "neutra/io/utf8.hpp"

#include "tests/catch.hpp"

using namespace neutra;

TEST_CASE("invalid UTF-8 is recognised") {
  const std::string good = "a\xc3\xa6\xe2\x82\xac\xf0\x9f\x98\x80";
  CHECK(io::utf8_prefix(good) == good.size());
  CHECK(io::utf8_prefix(good.substr(0, 9)) == 6);  // truncated within the last character
  CHECK(io::utf8_prefix("ab\xff") == 2);           // never occurs in UTF-8
  CHECK(io::utf8_prefix("\xc0\xaf") == 0);         // overlong
  CHECK(io::utf8_prefix("\xe0\x80\xaf") == 0);
  CHECK(io::utf8_prefix("\xf0\x80\x80\xaf") == 0);
  CHECK(io::utf8_prefix("\xed\xa0\x80") == 0);      // a surrogate
  CHECK(io::utf8_prefix("\xf4\x90\x80\x80") == 0);  // beyond U+10FFFF
  CHECK(io::printable("a\n\xff\x7f\xc3\xa6") == "a\\x0a\\xff\\x7f\xc3\xa6");
  CHECK(io::printable(std::string(1000, 'x'), 10) == "xxxxxxxxxx...");
}

TEST_CASE("characters that control a terminal, hide or reorder text are escaped, and no others") {
  CHECK(io::printable("\x1b[31m\t\x7f") == "\\x1b[31m\\x09\\x7f");
  CHECK(io::printable("a\u0085\u009bb") ==
        "a\\xc2\\x85\\xc2\\x9bb");  // C1 controls: next line, and the start of an escape sequence
  for (const char* hidden : {"\u00ad", "\u061c", "\u200b", "\u200d", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a",
                             "\u202e", "\u2060", "\u2066", "\u2069", "\ufeff", "\ufff9", "\U000e0041"}) {
    const std::string text = io::printable(hidden);
    INFO(text);
    CHECK(text.size() == 4 * std::string(hidden).size());
    CHECK(text.starts_with("\\x"));
    CHECK(io::printable(text) == text);  // idempotent
  }
  for (const char* plain : {"gr\u00f8n \\ C:\\x", "\u00a0\u2026\u20ac", "\u65e5\u672c", "\U0001f600", "\u2027\u2030"})
    CHECK(io::printable(plain) == plain);
  CHECK(io::printable("gr\u00f8n", 80, io::Letters::ascii) == "gr\\xc3\\xb8n");
  CHECK(io::printable_whole(std::string(100000, 'x')).size() == 100000);
}

TEST_CASE("any bytes are encoded as UTF-8, reversibly") {
  CHECK(io::utf8_text("plain/gr\u00f8n\n") == "plain/gr\u00f8n\n");
  CHECK(io::utf8_text("ud-\xe5/\xff") == "ud-\\xe5/\\xff");
  CHECK(io::utf8_text("a\\xe5") == "a\\\\xe5");
}
