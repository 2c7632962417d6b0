// The table, JSON and picture of benchmarks/gates, from times that are made up.
#include "benchmarks/gates_table.hpp"

#include "tests/catch.hpp"

#include <sstream>

using namespace neutra;

namespace {

/// The open gate, and one measured dense and with 10 % open, twice as slow and half as slow. The second of the three
/// rounds was slow for both.
gates::Costs costs(const std::string& name = "mine") {
  gates::Line open{"open", {}}, mine{name, {}};
  for (const std::size_t direction : {0u, 1u}) open.seconds[direction][0] = {1e-6, 5e-6, 1e-6};
  mine.seconds[0][0] = {2e-6, 10e-6, 2.2e-6};
  mine.seconds[1][0] = {2e-6, 10e-6, 2e-6};
  mine.seconds[0][2] = {5e-7, 2.5e-6, 5e-7};
  return {.lines = {open, mine}, .dim = 4, .tokens = 8, .rounds = 3, .threads = 1};
}

}  // namespace

TEST_CASE("benchmarks/gates: ratios are taken within a round, so that a slow round changes none", "[benchmarks]") {
  const auto all = costs();
  const auto dense = gates::ratio(all.lines[1], all.open(), 0, 0);
  REQUIRE(dense.has_value());
  CHECK(dense->median == Approx(2));
  CHECK(dense->high == Approx(2.2));
  CHECK(gates::ratio(all.lines[1], all.open(), 0, 2)->median == Approx(0.5));
  CHECK_FALSE(gates::ratio(all.lines[1], all.open(), 1, 2).has_value());
}

TEST_CASE("benchmarks/gates: the table has a line per gate, and fits 120 columns", "[benchmarks]") {
  const std::string text = gates::table(costs());
  CHECK(text.find("open                 1.00\u00b10.00         -") != std::string::npos);
  CHECK(
      text.find("\nmine                 2.00\u00b10.10         - 0.50\u00b10.00         -         - 2.00\u00b10.00") !=
      std::string::npos);
  CHECK(text.find("1000 ns a token forward and 1000 backward") != std::string::npos);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) CHECK(report::detail::text_width(line) <= 120);
}

TEST_CASE("benchmarks/gates: JSON has the ratios that were measured, and the picture every gate", "[benchmarks]") {
  const io::Json json = gates::to_json(costs());
  CHECK(json.at("schema") == "neutra.gates/1");
  CHECK(json.at("machine").contains("processor"));
  const io::Json& mine = json.at("gates").at(1);
  CHECK(mine.at("gate") == "mine");
  CHECK(mine.at("forward").size() == 2);
  CHECK(mine.at("backward").size() == 1);
  CHECK(mine.at("forward").at("open:10").at("ratio").get<double>() == Approx(0.5));
  CHECK(mine.at("forward").at("open:10").at("nanoseconds_per_token").get<double>() == Approx(500));

  const std::string picture = gates::picture(costs("<mine>"));
  CHECK(picture.starts_with("<svg xmlns="));
  CHECK(picture.find("&lt;mine&gt;") != std::string::npos);
  CHECK(picture.find("<mine>") == std::string::npos);
  CHECK(picture.find("&lt;mine&gt;, forward, open:10: 0.500 (0.500 to 0.500)") != std::string::npos);
}
