// The table of stages: a line for each stage, a column for each text, the change by every stage with its error.
#include "neutra/report/stages.hpp"

#include "tests/catch.hpp"
#include "tests/study/sample.hpp"

using namespace neutra;

namespace {

report::Stage stage(const std::string& name, bool continues, double before, double after) {
  study::Results results;
  for (const std::uint64_t seed : {1, 2}) {
    study::RunResult row = sample::row("lora", 0.002, seed, 0.1, 1);
    const double spread = seed == 1 ? -0.01 : 0.01;
    row.further = {{"da", {before, after + spread}}, {"english", {1.5, 1.5}}};
    if (continues) row.builds_on = concat(seed);
    results.rows.push_back(row);
  }
  return {name, continues, results};
}

}  // namespace

TEST_CASE("stages: every text after every stage, and the change by it") {
  const std::string table =
      report::table_of_stages({stage("da", false, 5, 2), stage("da-hu", true, 2, 2.25), stage("hu", false, 5, 4)});
  CHECK(table ==
        "Bits per byte after each stage; in brackets the change by that stage and, of several seeds, its standard "
        "error.\n\nlora\n"
        "  after     da                    english\n"
        "  (before)  5.000                 1.500\n"
        "  da        2.000 (-3.000 0.010)  1.500 (0.000 0.000)\n"
        "  da-hu     2.250 (+0.250 0.010)  1.500 (0.000 0.000)\n");
}

TEST_CASE("stages: there is no table of parts that do not continue each other, or without further texts") {
  CHECK(report::table_of_stages({}).empty());
  CHECK(report::table_of_stages({stage("da", false, 5, 2), stage("hu", false, 5, 4)}).empty());
  report::Stage bare = stage("da", false, 5, 2), next = stage("da-hu", true, 2, 2);
  for (report::Stage* one : {&bare, &next})
    for (auto& row : one->results.rows) row.further.reset();
  CHECK(report::table_of_stages({bare, next}).empty());
}
