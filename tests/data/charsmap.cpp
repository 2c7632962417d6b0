// The golden tokenizer files test whole maps; here are the faults of one.
#include "neutra/data/charsmap.hpp"

#include "tests/catch.hpp"

#include <string>
#include <vector>

using namespace neutra;

namespace {

std::string file_of(const std::vector<std::uint32_t>& units, std::string_view texts) {
  std::string bytes;
  const auto put = [&](std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift);
  };
  put(static_cast<std::uint32_t>(4 * units.size()));
  for (const std::uint32_t unit : units) put(unit);
  return bytes.append(texts);
}

/// Maps 'a' to the text at an offset: its node is 1 ^ 'a', and the text's 0 ^ that.
std::vector<std::uint32_t> map_of_a(std::uint32_t text) {
  std::vector<std::uint32_t> units(256, 0);
  units[0] = 1u << 10;
  units[1 ^ 'a'] = 'a' | 1u << 8 | 2u << 10;
  units[1 ^ 'a' ^ 2] = 1u << 31 | text;
  return units;
}

}  // namespace

TEST_CASE("a precompiled map replaces characters", "[data]") {
  const std::string texts("xy\0z\0", 5);
  CHECK(data::Charsmap(file_of(map_of_a(0), texts))("bab\xff") == "bxyb\xff");
  CHECK(data::Charsmap(file_of(map_of_a(3), texts))("a\xe4\xb8\xad") == "z\xe4\xb8\xad");
  CHECK(data::Charsmap(file_of(map_of_a(3), texts))("") == "");
}

TEST_CASE("a damaged precompiled map is refused", "[data]") {
  const std::string texts("xy\0", 3), whole = file_of(map_of_a(0), texts);
  for (const std::string& bytes :
       {std::string(), std::string(4, '\0'), whole.substr(0, 100), whole.substr(0, whole.size() - 1)})
    CHECK_THROWS_AS(data::Charsmap(bytes), Error);
  CHECK_THROWS_AS(data::Charsmap(file_of(map_of_a(7), texts))("a"), Error);
  CHECK_THROWS_AS(data::Charsmap(file_of({1u << 10}, texts))("a"), Error);
  auto far = map_of_a(0);
  far[0] = 0xffffffff;
  CHECK_THROWS_AS(data::Charsmap(file_of(far, texts))("a"), Error);
}
