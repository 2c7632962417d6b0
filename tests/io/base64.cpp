#include "neutra/io/base64.hpp"

#include "tests/catch.hpp"

using namespace neutra;

TEST_CASE("base64 stands for bytes", "[io]") {
  CHECK(io::from_base64("", "x").empty());
  CHECK(io::from_base64("AP8=", "x") == std::string("\0\xff", 2));
  CHECK(io::from_base64("AP8A", "x") == std::string("\0\xff\0", 3));
  CHECK(io::from_base64("YQ==", "x") == "a");
  for (const char* text : {"A", "AAA", "?AAA", "AP8=AAA", "===="}) {
    INFO(text);
    CHECK_THROWS_AS(io::from_base64(text, "x"), Error);
  }
}
