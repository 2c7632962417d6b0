// All code in README.md is taken from the examples, which are compiled: each of its lines occurs in one of them.
#include "neutra/io/file.hpp"

#include "tests/catch.hpp"

#include <filesystem>
#include <set>
#include <sstream>
#include <string>

namespace {

std::string bare(const std::string& line) {
  const auto first = line.find_first_not_of(" \t");
  return first == line.npos ? "" : line.substr(first, line.find_last_not_of(" \t") - first + 1);
}

}  // namespace

TEST_CASE("code in the front page is code of the examples") {
  const std::filesystem::path source = NEUTRA_SOURCE_DIR;
  std::set<std::string> known;
  for (const auto& entry : std::filesystem::directory_iterator(source / "examples")) {
    if (entry.path().extension() != ".cpp") continue;
    std::istringstream text(neutra::io::read_file(entry.path(), 1 << 20));
    for (std::string line; std::getline(text, line);) known.insert(bare(line));
  }
  std::istringstream readme(neutra::io::read_file(source / "README.md", 1 << 20));
  bool code = false;
  int seen = 0;
  for (std::string line; std::getline(readme, line);) {
    if (line.starts_with("```")) {
      code = line == "```cpp";
      continue;
    }
    if (!code || bare(line).empty()) continue;
    CAPTURE(line);
    CHECK(known.contains(bare(line)));
    ++seen;
  }
  CHECK(seen > 10);
}
