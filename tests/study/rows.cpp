// Rows of a study: their plan, what several processes make of one folder, and that they are the runs of extend.
#include "neutra/study/rows.hpp"

#include "neutra/study/options_json.hpp"
#include "neutra/study/study.hpp"
#include "neutra/study/summary.hpp"

#include "tests/study/texts.hpp"

#include <algorithm>
#include <tuple>

using namespace neutra;
using study::PlannedRow;
using study::Rows;
using study::RowState;

namespace {

struct RowTexts : small::Texts {
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
  const io::Json json = study::to_json(results);
  for (const io::Json& row : json.at("rows")) rows.push_back(row.dump());
  std::sort(rows.begin(), rows.end());
  return rows;
}
std::vector<std::string> choices_of(const study::Results& results) {
  std::vector<std::string> choices;
  const io::Json json = study::to_json(results);
  for (const io::Json& choice : json.at("choices")) choices.push_back(choice.dump());
  std::sort(choices.begin(), choices.end());
  return choices;
}

/// Two stages of the texts: a to n, then both to u; t is scored after each.
struct Stages : RowTexts {
  study::Options first, second;

  explicit Stages(const std::vector<std::string>& specs) {
    for (const auto& [name, letter, seed] : {std::tuple{"u", 'u', 3}, {"t", 'n', 4}}) {
      std::string text;
      for (std::uint64_t i = 0; i < 60; ++i)
        text += small::letters(letter, 6, 30, 100 * static_cast<std::uint64_t>(seed) + i) + "\n";
      scratch::put(folder / name, text);
    }
    first = options("first");
    first.methods = small::methods(specs);
    first.further["news"] = {folder / "t"};
    second = first;
    second.out = folder / "second";
    second.original.push_back(folder / "n");
    second.target = {folder / "u"};
    second.model = folder / "first/backbone";
  }
};

/// A regulariser that adds nothing and tells that it was made, on a model with an adapter already.
struct Told {
  static constexpr std::string_view name = "told";
  static constexpr train::Needs needs{};
  bool* made;
  double weight = 1;

  template <class Self, class Visit> static void options(Self& self, const Visit& visit) {
    visit("weight", self.weight);
  }
  void check() const {}
  class Instance final : public train::Regularisation {
   public:
    Instance(const Told& told, const train::TrainingStart& start) { *told.made = start.before.kind() == "fixed"; }
  };
};

std::vector<RowState> states(Rows& rows) {
  std::vector<RowState> all;
  for (std::size_t row = 0; row < rows.plan().size(); ++row) all.push_back(rows.state(row));
  return all;
}

}  // namespace

TEST_CASE("rows: the first seed at every rate, then the others at the selected one, or at every one") {
  const RowTexts texts;
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
  const RowTexts texts;
  const study::Options o = texts.options("rows"), whole = texts.options("whole");
  Rows first(o, config(o)), second(o, config(o));
  first.prepare();
  second.prepare();
  REQUIRE(first.plan().size() == 6);
  CHECK(states(first) == std::vector<RowState>(6, RowState::waiting));
  CHECK(scratch::says([&] { first.make(4); }, "row 5 of neutral: it takes the rate that the rows of seed 1 select"));
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
  const RowTexts texts;
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
  const RowTexts texts;
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
  const RowTexts texts;
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

TEST_CASE("rows: those of a second stage extend what the selected rows of the first left, seed by seed", "[train]") {
  Stages stages({"neutral", "lora", "finetune"});
  stages.first.model_rates = stages.second.model_rates = {5e-4};
  Rows first(stages.first, config(stages.first));
  first.prepare();
  Rows second(stages.second, config(stages.second), {}, nullptr, &first);
  second.prepare();
  REQUIRE(second.plan().size() == 2 * 2 + 1 + 3);
  CHECK(states(second) == std::vector<RowState>(8, RowState::waiting));
  CHECK(scratch::says([&] { second.make(0); }, "row 1 of neutral: it builds on a row of the stage before"));
  CHECK(second.waits_for(5) == "it takes the rate that the rows of seed 1 select; run those first");
  for (std::size_t row = 0; row < 5; ++row) REQUIRE(first.make(row));
  CHECK(second.waits_for(0).empty());
  for (std::size_t row = 0; row < 5; ++row) REQUIRE(second.make(row));
  CHECK(second.waits_for(5) == "it builds on a row of the stage before; run that first");
  for (std::size_t row = 5; row < 8; ++row) REQUIRE((first.make(row) && second.make(row)));
  CHECK(states(second) == std::vector<RowState>(8, RowState::done));

  const study::Results before = first.results(), after = second.results();
  for (const study::RunResult& row : before.rows) CHECK_FALSE(row.builds_on);
  REQUIRE(after.rows.size() == 8);
  for (const study::RunResult& row : after.rows) {
    INFO(row.label << ", rate " << row.lr << ", seed " << row.seed);
    const auto own = std::find_if(before.choices.begin(), before.choices.end(),
                                  [&](const auto& choice) { return choice.run.label == row.label; });
    REQUIRE(own != before.choices.end());
    const auto left = std::find_if(before.rows.begin(), before.rows.end(), [&](const study::RunResult& r) {
      return r.label == row.label && r.seed == row.seed && r.lr == own->run.lr;
    });
    REQUIRE(left != before.rows.end());
    const io::Path folder = stages.folder / "first/runs" / left->name();
    CHECK(row.builds_on ==
          io::file_sha256(folder / (row.label == "finetune" ? "model/model.safetensors" : "adapter.safetensors")));
    CHECK(row.further->at("news").before == left->further->at("news").after);
    CHECK(row.extra_weights == left->extra_weights);  // of the new adapter alone
    CHECK(row.trainable_weights == left->trainable_weights);
  }
  Rows again(stages.second, config(stages.second), {}, nullptr, &first);  // another day
  again.prepare();
  CHECK(rows_of(again.results()) == rows_of(after));
  CHECK(rows_of(study::results_from_json(study::to_json(after))) == rows_of(after));
}

TEST_CASE("rows: what a row is timed with is made as the row is, in a stage that waits too", "[train]") {
  Stages stages({"neutral(kl=1)", "finetune(ewc=1, frozen.embed_tokens=true)"});
  Rows first(stages.first, config(stages.first));
  first.prepare();
  Rows second(stages.second, config(stages.second), {}, nullptr, &first);
  second.prepare();
  for (Rows* rows : {&first, &second})
    for (std::size_t row = 0; row < rows->plan().size(); ++row) CHECK(rows->predicted_seconds(row) > 0);
  CHECK_FALSE(std::filesystem::exists(stages.folder / "second/runs"));
  bool made = false;  // a regulariser of the test's own
  stages.second.out = stages.folder / "told";
  stages.second.methods[0].regularisers = {Told{.made = &made}};
  Rows told(stages.second, config(stages.second), {}, nullptr, &first);
  told.prepare();
  told.predicted_seconds(0);
  CHECK(made);
}

TEST_CASE("rows: a third stage builds on two adapters, and its file holds all three", "[train]") {
  Stages stages({"neutral"});
  for (study::Options* o : {&stages.first, &stages.second}) {
    o->seeds = 1;
    o->adapter_rates = {2e-3};
  }
  study::Options last = stages.second;
  last.out = stages.folder / "third";
  Rows first(stages.first, config(stages.first)), second(stages.second, config(stages.second), {}, nullptr, &first),
      third(last, config(last), {}, nullptr, &second);
  for (Rows* rows : {&first, &second, &third}) {
    rows->prepare();
    REQUIRE(rows->make(0));
  }
  const study::RunResult row = third.results().rows.at(0);
  const io::Path adapter =
      stages.folder / "third/runs" / concat(row.name(), "-on-", row.builds_on->substr(0, 12)) / "adapter.safetensors";
  const auto loaded = train::load_model(first.backbone(), adapter, small::registry());
  REQUIRE(loaded.model->parameters().size() == 3 * 2 * 4);
  const data::Windows windows(*loaded.tokenizer, scratch::get(stages.folder / "t"), 12);
  Tape<float, DefaultDevice> tape;
  const train::EvaluationText news{windows, static_cast<Index>(scratch::get(stages.folder / "t").size())};
  CHECK(train::evaluate(*loaded.model, tape, news, data::Domain::target, 4).bits_per_byte() ==
        row.further->at("news").after);
}

TEST_CASE("rows: what builds on a row that diverged has failed", "[train]") {
  Stages stages({"neutral"});
  for (study::Options* o : {&stages.first, &stages.second}) {
    o->seeds = 1;
    o->adapter_rates = {1e30};
  }
  Rows first(stages.first, config(stages.first)), second(stages.second, config(stages.second), {}, nullptr, &first);
  first.prepare();
  second.prepare();
  REQUIRE(first.make(0));
  CHECK(states(first) == std::vector<RowState>{RowState::failed});
  CHECK(states(second) == std::vector<RowState>{RowState::failed});
  CHECK(scratch::says([&] { second.make(0); }, "it builds on a row of the stage before, which has failed"));
}

TEST_CASE("rows: what takes its rate from rows that diverged has failed", "[train]") {
  const RowTexts texts;
  study::Options o = texts.options("out");
  o.methods = small::methods({"neutral"});
  o.adapter_rates = {1e30, 2e30};
  Rows rows(o, config(o));
  rows.prepare();
  REQUIRE((rows.make(0) && rows.make(1)));
  CHECK(rows.state(2) == RowState::failed);
  CHECK(scratch::says([&] { rows.make(2); }, "that the rows of seed 1 select, and all of them have failed"));
}
