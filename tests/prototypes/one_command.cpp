// Gates x alphas x seeds on two files as one command: one table, one picture, and one evaluation of the backbone.
#include "neutra/program/extend_options.hpp"

#include "neutra/report/page.hpp"
#include "neutra/report/table.hpp"
#include "neutra/study/options_json.hpp"
#include "neutra/study/study.hpp"

#include "tests/programs/study.hpp"

#include <set>
#include <tuple>

using namespace neutra;
using programs::Words;

namespace {

/// Counts the phases in which the backbone is evaluated.
struct Evaluations : train::Progress {
  int of_backbone = 0;
  void begin(std::string_view phase, Index, double) override { of_backbone += phase == "backbone"; }
};

/// What  extend --original first.txt --target second.txt --out out ...  does between its command line and its output.
study::Results extend(const programs::Study& texts, const Words& more, train::Progress& progress) {
  Words words = {"extend", "--original",        texts.text("first"), "--target", texts.text("second"),
                 "--out",  texts.out().string()};
  for (const std::string& word : programs::Study::small(more)) words.push_back(word);
  std::vector<const char*> arguments;
  for (const std::string& word : words) arguments.push_back(word.c_str());
  const study::Options options = program::parse_options(static_cast<int>(arguments.size()), arguments.data());
  const auto show = [&](const study::Results& so_far) { report::write_report(options.out, so_far); };
  return study::Study(options, {{"options", study::to_json(options)}}, {}, {&progress, show}).run();
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("prototype: every gate at every alpha with every seed is one command, one table and one picture") {
  const programs::Study texts;
  Evaluations evaluations;
  const auto results = extend(texts,
                              {"--method", "residue(gate={relu,elu}, alpha=0.01)", "--method",
                               "residue(gate={relu,elu}, alpha=0.1)", "--seeds", "2"},
                              evaluations);
  CHECK(evaluations.of_backbone == 1);
  std::set<std::tuple<std::string, double, std::uint64_t>> runs;
  for (const auto& row : results.rows) runs.emplace(text_of(row.settings.at("gate")), row.alpha.value(), row.seed);
  CHECK(runs.size() == 2 * 2 * 2);
  CHECK(results.rows.size() == 2 * 2 * 2);

  const std::string table = report::table(results), picture = scratch::get(texts.out() / "learning.svg");
  CHECK(count(table, "\nresidue, ") == 4);  // a line each, with the mean of both seeds
  for (const char* label : {"residue, alpha 0.01, gate relu", "residue, alpha 0.01, gate elu",
                            "residue, alpha 0.1, gate relu", "residue, alpha 0.1, gate elu"}) {
    CAPTURE(label, table);
    CHECK(count(table, label) == 1);
    CHECK(count(picture, label) > 0);
  }
}

TEST_CASE("prototype: one command selects the alpha of each gate, beside the baseline") {
  const programs::Study texts;
  Evaluations evaluations;
  const auto results = extend(
      texts, {"--methods", "adapter", "--method", "residue(gate={relu,elu})", "--alpha", "0.01,0.1", "--seeds", "2"},
      evaluations);
  CHECK(evaluations.of_backbone == 1);
  for (const char* gate : {"relu", "elu"}) {
    const std::string label = concat("residue, gate ", gate);
    std::set<double> tried, selected;
    for (const study::Choice& choice : results.choices) {
      if (choice.run.label != label) continue;
      tried.insert(choice.run.alpha.value());
      if (choice.alpha_chosen == true) selected.insert(choice.run.alpha.value());
    }
    CHECK(tried == std::set<double>{0.01, 0.1});
    REQUIRE(selected.size() == 1);
    std::set<std::uint64_t> seeds;
    for (const auto& row : results.rows)
      if (row.label == label && row.alpha == *selected.begin()) seeds.insert(row.seed);
    CHECK(seeds == std::set<std::uint64_t>{1, 2});
  }
}
