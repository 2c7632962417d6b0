// The compiler chooses the order in which arguments of a call are evaluated, and ops record when they are called. Two
// ops in one argument list would be recorded, and gradients be added up, in an order that depends on the compiler, and
// so would the bits of the result. No source and no page may have two ops in one argument list: name their results
// first.
#include "tests/catch.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

namespace {

/// Without comments and strings.
std::string code_alone(const std::string& text) {
  static const std::regex hidden(R"rx(//[^\n]*|"(\\.|[^"\\\n])*"|'(\\.|[^'\\\n])')rx");
  return std::regex_replace(text, hidden, "");
}

/// The arguments of the call that opens at `at`, without text in braces: lambdas, which run later, and initialisers,
/// which are evaluated in order.
std::vector<std::string> arguments(const std::string& code, std::size_t at) {
  std::vector<std::string> all(1);
  int brackets = 1, braces = 0;
  while (++at < code.size() && brackets > 0) {
    const char c = code[at];
    braces += (c == '{') - (c == '}');
    if (braces > 0) continue;
    brackets += (c == '(') - (c == ')');
    if (c == ',' && brackets == 1)
      all.emplace_back();
    else
      all.back() += c;
  }
  return all;
}

/// Calls with at least two arguments that record.
std::vector<std::string> unordered(const std::string& text) {
  static const std::regex op(
      R"(\b(add|apply|attention|cross_entropy|embedding|forward|gate_penalty|gated|gather_rows|join|linear|pointwise)"
      R"(|project|recompute|residue_penalty|rms_norm|rope|scale_rows|scatter_add|weighted_sum)\()");
  const std::string code = code_alone(text);
  std::vector<std::string> found;
  for (std::size_t at = code.find('('); at != std::string::npos; at = code.find('(', at + 1)) {
    if (at == 0 || (std::isalnum(static_cast<unsigned char>(code[at - 1])) == 0 && code[at - 1] != '>')) continue;
    const auto all = arguments(code, at);
    const auto records = [](const std::string& argument) { return std::regex_search(argument, op); };
    if (std::count_if(all.begin(), all.end(), records) > 1) found.push_back(code.substr(at < 20 ? 0 : at - 20, 120));
  }
  return found;
}

}  // namespace

TEST_CASE("order: two ops in one argument list are found, and one is not") {
  CHECK(unordered("y = gated(linear(x, a), linear(x, b));").size() == 1);
  CHECK(unordered("y = std::pair<A, B>(add(x, x), pointwise(x, F{}));").size() == 1);
  CHECK(unordered("y = add(scale(gated(a, a), x), layer.project(x));").size() == 1);
  CHECK(unordered("const auto a = linear(x, w), b = linear(x, v); y = gated(a, b);").empty());
  CHECK(unordered("y = add(linear(gated(a, b), w), x);  // not add(add(x, x), add(x, x))").empty());
  CHECK(unordered("check([&] { return add(x, x); }, [&] { return add(x, y); });").empty());
  CHECK(unordered("check([&] { return add(gated(x, x), linear(x, w)); });").size() == 1);
  CHECK(unordered("Made{add(x, x), pointwise(x, F{})}; for (auto x : all) { add(x, x), add(x, x); }").empty());
}

TEST_CASE("order: no source and no page has two ops in one argument list") {
  namespace files = std::filesystem;
  const files::path source = NEUTRA_SOURCE_DIR;
  std::vector<files::path> paths = {source / "README.md"};
  for (const char* folder : {"include", "examples", "tests", "benchmarks", "docs"})
    for (const auto& entry : files::recursive_directory_iterator(source / folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension == ".hpp" || extension == ".cpp" || extension == ".md") paths.push_back(entry.path());
    }
  for (const auto& path : paths) {
    if (path.filename() == "order.cpp") continue;
    std::ifstream file(path);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    CAPTURE(path.string());
    CHECK(unordered(text) == std::vector<std::string>{});
  }
}
