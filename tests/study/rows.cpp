// Rows of a study: their plan, what several processes make of one folder, and that they are the runs of extend.
#include "neutra/study/rows.hpp"

#include "neutra/study/options_json.hpp"
#include "neutra/study/study.hpp"
#include "neutra/study/summary.hpp"

#include "tests/study/texts.hpp"

#include <algorithm>

using namespace neutra;
using study::PlannedRow;
using study::Rows;
using study::RowState;

namespace {

struct Texts : small::Texts {
  /// Two seeds at the rate that the first selects.
  study::Options options(const std::string& out) const {
    study::Options o = small::Texts::options(out);
    o.seeds = 2;
    o.whole_curve = false;
    o.adapter_rates = {2e-3, 1e-2};
    o.methods = small::methods({"neutral", "adapter"});
    return o;
  }
};

io::Json config(const study::Options& o) { return {{"options", study::to_json(o)}}; }

/// The rows of results in an order of their own, without times.
std::vector<std::string> rows_of(study::Results results) {
  for (auto& row : results.rows) {
    row.train_seconds = row.tokens_per_second = 1;
    row.peak_bytes.reset();
  }
  std::vector<std::string> rows;
  for (const io::Json& row : study::to_json(results).at("rows")) rows.push_back(row.dump());
  std::sort(rows.begin(), rows.end());
  return rows;
}
std::vector<std::string> choices_of(const study::Results& results) {
  std::vector<std::string> choices;
  for (const io::Json& choice : study::to_json(results).at("choices")) choices.push_back(choice.dump());
  std::sort(choices.begin(), choices.end());
  return choices;
}

std::vector<RowState> states(Rows& rows) {
  std::vector<RowState> all;
  for (std::size_t row = 0; row < rows.plan().size(); ++row) all.push_back(rows.state(row));
  return all;
}

}  // namespace

TEST_CASE("rows: the first seed at every rate, then the others at the selected one, or at every one") {
  const Texts texts;
  study::Options o = texts.options("out");
  o.alphas = {0.1, 1};
  o.shares = {0, 0.5};
  const auto plan = study::plan_of(o);
  REQUIRE(plan.size() == 2 * (2 * 2 + 2) + 2 * (2 + 1));  // shares x (neutral: alphas x rates, adapter: rates), twice
  CHECK((plan[0].method == 0 && plan[0].share == 0 && plan[0].alpha == 0.1 && plan[0].rate == 2e-3));
  CHECK((plan[1].alpha == 0.1 && plan[1].rate == 1e-2 && plan[2].alpha == 1.0 && plan[2].rate == 2e-3));
  CHECK((plan[4].method == 1 && !plan[4].alpha && plan[6].share == 0.5));
  CHECK(std::all_of(plan.begin(), plan.begin() + 12, [](const PlannedRow& row) { return row.seed == 1 && row.rate; }));
  CHECK(std::all_of(plan.begin() + 12, plan.end(), [](const PlannedRow& row) { return row.seed == 2 && !row.rate; }));
  o.whole_curve = true;
  CHECK(study::plan_of(o).size() == 24);
  o.adapter_rates = {2e-3};
  o.whole_curve = false;
  for (const PlannedRow& row : study::plan_of(o)) CHECK(row.rate == 2e-3);
}

TEST_CASE("rows: two processes share a folder, and together they make what extend makes", "[train]") {
  const Texts texts;
  const study::Options o = texts.options("rows"), whole = texts.options("whole");
  Rows first(o, config(o)), second(o, config(o));
  first.prepare();
  second.prepare();
  REQUIRE(first.plan().size() == 6);
  CHECK(states(first) == std::vector<RowState>(6, RowState::waiting));
  CHECK(scratch::says([&] { first.make(4); }, "row 5 takes the rate that the rows of seed 1 of neutral select"));
  CHECK(first.results().rows.empty());
  for (std::size_t row = 0; row < 6; ++row) CHECK((row % 2 == 0 ? first : second).make(row));
  CHECK(states(first) == std::vector<RowState>(6, RowState::done));
  const std::string before = scratch::get(texts.folder / "rows/runs/adapter-lr0.01-seed1/outcome.json");
  CHECK(second.make(3));  // read, not made again
  CHECK(scratch::get(texts.folder / "rows/runs/adapter-lr0.01-seed1/outcome.json") == before);

  const study::Results made = first.results(), extended = study::Study(whole, config(whole)).run();
  CHECK(rows_of(made) == rows_of(extended));
  CHECK(choices_of(made) == choices_of(extended));
}

TEST_CASE("rows: a row that another process works on is left to it", "[train]") {
  const Texts texts;
  const study::Options o = texts.options("out");
  Rows rows(o, config(o));
  rows.prepare();
  {
    const study::Output other(o.out, true, [] {});
    const io::Lock lock = other.lock_run("neutral-lr0.002-alpha0.01-seed1");
    REQUIRE(lock);
    CHECK(rows.state(0) == RowState::running);
    CHECK_FALSE(rows.make(0));
  }
  CHECK(rows.state(0) == RowState::stopped);
  CHECK(rows.make(0));
  CHECK(rows.state(0) == RowState::done);
}

TEST_CASE("rows: one that diverges has failed and does not stop the others", "[train]") {
  const Texts texts;
  study::Options o = texts.options("out");
  o.seeds = 1;
  o.adapter_rates = {2e-3, 1e30};
  Rows rows(o, config(o));
  rows.prepare();
  for (std::size_t row = 0; row < rows.plan().size(); ++row) CHECK(rows.make(row));
  CHECK(states(rows) == std::vector<RowState>{RowState::done, RowState::failed, RowState::done, RowState::failed});
  const study::Results results = rows.results();
  CHECK((results.rows.size() == 2 && results.failed.size() == 2));
  Rows again(o, config(o));  // another day
  again.prepare();
  CHECK(states(again) == states(rows));
}

TEST_CASE("rows: lengths and shares are swept within one folder and one table", "[train]") {
  const Texts texts;
  study::Options o = texts.options("out");
  o.seeds = 1;
  o.adapter_rates = {2e-3};
  o.methods = small::methods({"neutral"});
  o.lengths = {2, 4};
  o.shares = {0, 0.5};
  Rows rows(o, config(o));
  rows.prepare();
  REQUIRE(rows.plan().size() == 4);
  for (std::size_t row = 0; row < 4; ++row) REQUIRE(rows.make(row));
  const study::Results results = rows.results();
  REQUIRE(results.rows.size() == 4);
  CHECK((results.rows[1].steps == 2 && results.rows[1].share == 0.5 && results.rows[1].train_tokens == 2 * 4 * 12));
  CHECK((results.rows[2].steps == 4 && results.rows[2].share == 0));
  CHECK(study::summarise(results).size() == 4);

  study::Options plain = texts.options("plain");  // the same run on its own
  plain.seeds = 1;
  plain.adapter_rates = {2e-3};
  plain.methods = o.methods;
  plain.share = 0.5;
  CHECK(study::Study(plain, config(plain)).run().rows.at(0).target.after == results.rows[3].target.after);
}
