// docs/support.md lists every header of include/neutra/op, with functions that exist and claims of tests that exist: a
// case in tests/cases for the CPU, a call in tests/backend/record.cpp for the recording device, the same case in
// tests/cuda/emulated for the CUDA device.
#include "tests/catch.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace {

std::string text(const std::filesystem::path& path) {
  std::ifstream file(path);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Whether a function of exactly this name is called.
bool calls(const std::string& code, const std::string& function) {
  return std::regex_search(code, std::regex("\\b" + function + R"(\()"));
}

}  // namespace

TEST_CASE("support: scatter_add is no call of add, add after a bracket is") {
  CHECK_FALSE(calls("y = scatter_add(v, few, set);", "add"));
  CHECK(calls("check(add(x, y))", "add"));
}

TEST_CASE("docs/support.md lists every op, and no other") {
  const std::filesystem::path source = NEUTRA_SOURCE_DIR, folder = source / "include/neutra/op";
  std::set<std::string> headers, listed;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".hpp" && entry.path().filename() != "all.hpp" &&
        entry.path().filename() != "instances.hpp")
      headers.insert(entry.path().filename().string());
  }
  const std::string table = text(source / "docs/support.md"), all = text(folder / "all.hpp"),
                    record = text(source / "tests/backend/record.cpp");
  std::string emulated;
  for (const auto& entry : std::filesystem::directory_iterator(source / "tests/cuda/emulated"))
    if (entry.path().filename().string().starts_with("op_")) emulated += text(entry.path());
  const std::regex row(R"(\| `([a-z_]+\.hpp)` \| ([^|]*) \| (yes|not yet) \| (yes|not yet) \| (yes|not yet) \|)"),
      name("`([a-z_]+)`");
  for (std::sregex_iterator line(table.begin(), table.end(), row), end; line != end; ++line) {
    const std::string header = (*line)[1], functions = (*line)[2];
    CAPTURE(header);
    CHECK(listed.insert(header).second);
    if (headers.count(header) == 0) continue;
    const std::string code = text(folder / header);
    const std::filesystem::path cases = source / "tests/cases" / header;
    for (std::sregex_iterator function(functions.begin(), functions.end(), name), last; function != last; ++function) {
      CAPTURE((*function)[1].str());
      CHECK(calls(code, (*function)[1]));
      CHECK(((*line)[3] == "yes") == (std::filesystem::exists(cases) && calls(text(cases), (*function)[1])));
      CHECK(((*line)[4] == "yes") == calls(record, (*function)[1]));
      CHECK(((*line)[5] == "yes") == (emulated.find("\"tests/cases/" + header + "\"") != std::string::npos));
    }
    if (header != "accumulate.hpp") CHECK(all.find("neutra/op/" + header) != std::string::npos);
  }
  CHECK(listed == headers);
}
