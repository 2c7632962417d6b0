// Studies that were run separately become one: no run counts twice, no choice is made up, and studies that cannot be
// compared are refused.
#include "neutra/study/join.hpp"
#include "neutra/report/markdown.hpp"

#include "tests/catch.hpp"
#include "tests/study/sample.hpp"

#include <span>

using namespace neutra;
using study::join;

namespace {

/// Another study on the sample's texts and backbone: seed 3 of the chosen rate, and a run that the sample has too.
study::Results more() {
  auto r = sample::results();
  r.config = {{"command", "extend --lr 2e-3"}};
  r.rows = {sample::neutral(0.002, 1, 0.06, 3.0), sample::neutral(0.002, 3, 0.10, 3.0)};
  r.rows[0].train_seconds = 99;  // the same run, but slower
  return r;
}

/// A run with its forgetting and learning on the tuning text.
struct Scored {
  study::RunResult row;
  double forgetting, learning;
};

study::Results scored(std::span<const Scored> runs) {
  study::Results r = sample::results();
  r.rows.clear();
  r.choices.clear();
  for (const auto& [row, forgetting, learning] : runs) {
    r.rows.push_back(row);
    const auto same = [&own_row = row](const study::Choice& choice) {
      return study::detail::same_line(choice.run, own_row);
    };
    auto own = std::find_if(r.choices.begin(), r.choices.end(), same);
    if (own == r.choices.end()) own = r.choices.insert(own, sample::chosen(row));
    own->tried.push_back({row.lr, forgetting, learning});
  }
  return r;
}

/// The choice for the line of a run.
const study::Choice* choice_for(const study::Results& results, const study::Run& run) {
  for (const study::Choice& choice : results.choices)
    if (study::detail::same_line(choice.run, run)) return &choice;
  return nullptr;
}

std::string refusal(const std::vector<study::Results>& studies) {
  try {
    join(studies, std::vector<std::string>(studies.size(), "some.json"));
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("joined studies have the runs of both, each once") {
  const auto all = join({sample::results(), more()}, {"a", "b"});
  REQUIRE(all.rows.size() == 8);
  CHECK(all.rows[1].train_seconds == 16);
  CHECK(all.rows[7].seed == 3);
  const auto lines = study::summarise(all);
  CHECK(lines.front().runs.size() == 3);
  CHECK(lines.front().forgetting.value == Approx(0.08));
  CHECK(all.config["joined"][0]["command"] == "extend --lr 2e-3");
  CHECK(join({sample::results()}, {"a"}).config == sample::results().config);
}

TEST_CASE("joined studies select rates and alpha by the scores of all") {
  const Scored first_scores[] = {{sample::adapter(0.001, 1, 0.2, 3.0), 0.2, 3.0},
                                 {sample::neutral(0.001, 1, 0.1, 2.8, 0.01), 0.1, 2.8},
                                 {sample::neutral(0.001, 1, 0.05, 2.7, 0.1), 0.05, 2.7}};
  const Scored other_scores[] = {{sample::neutral(0.004, 1, 0.1, 2.9, 0.01), 0.1, 2.99},
                                 {sample::neutral(0.004, 1, 0.06, 2.9, 0.1), 0.06, 2.98},
                                 {sample::adapter(0.004, 1, 0.3, 2.9), 0.3, 2.9}};
  auto first = scored(first_scores), other = scored(other_scores);
  first.choices[1].alpha_chosen = true;
  const auto all = join({first, other}, {"a", "b"});
  CHECK(choice_for(all, first_scores[0].row)->run.lr == 0.001);
  const study::Choice &paper = *choice_for(all, first_scores[1].row), &larger = *choice_for(all, first_scores[2].row);
  CHECK((paper.run.lr == 0.004 && paper.tried.size() == 2 && paper.alpha_chosen == false));
  CHECK((larger.run.lr == 0.004 && larger.alpha_chosen == true));  // within 1 % of 3.0, and forgets less than the other
  CHECK((larger.learns_as_baseline == true && !paper.learns_as_baseline));

  other.choices.clear();  // a run without a score takes part in no choice
  const auto unknown = join({first, other}, {"a", "b"});
  CHECK(choice_for(unknown, first_scores[2].row) == nullptr);
  for (const study::Choice& choice : unknown.choices) CHECK_FALSE(choice.alpha_chosen);
}

TEST_CASE("a study joined with itself keeps its choices") {
  const Scored scores[] = {
      {sample::adapter(0.001, 1, 0.2, 2.9), 0.2, 2.9},         {sample::adapter(0.004, 1, 0.2, 3.0), 0.2, 3.0},
      {sample::neutral(0.001, 1, 0.1, 2.9, 0.01), 0.1, 2.8},   {sample::neutral(0.004, 1, 0.1, 2.8, 0.01), 0.1, 2.9},
      {sample::neutral(0.004, 1, 0.05, 2.8, 0.1), 0.05, 2.85}, {sample::neutral(0.001, 1, 0.05, 2.8, 0.1), 0.05, 2.98}};
  auto study = scored(scores);
  for (const auto& [index, lr] : {std::pair{0u, 0.004}, {1u, 0.004}, {2u, 0.001}}) study.choices[index].run.lr = lr;
  study.choices[1].alpha_chosen = true;  // at the rate of 0.01 none is within 1 % of 3.0: the one that learns most
                                         // there, whatever 0.1 does elsewhere
  study.choices[1].learns_as_baseline = false;
  study.choices[2].alpha_chosen = false;
  std::reverse(study.choices[2].tried.begin(), study.choices[2].tried.end());  // in the order of the rates
  const auto chosen = study::to_json(study).at("choices");
  CHECK(study::to_json(join({study, study}, {"a", "b"})).at("choices") == chosen);
}

TEST_CASE("joined studies without a baseline select the alpha that learns most, as extend does") {
  const Scored first_scores[] = {{sample::neutral(0.001, 1, 0.1, 2.8, 0.01), 0.1, 2.8},
                                 {sample::neutral(0.001, 1, 0.2, 2.9, 0.1), 0.2, 2.9}};
  const Scored other_scores[] = {{sample::neutral(0.001, 1, 0.05, 2.7, 1), 0.05, 2.7}};
  const auto all = join({scored(first_scores), scored(other_scores)}, {"a", "b"});
  const study::Choice& most = *choice_for(all, first_scores[1].row);
  CHECK((most.alpha_chosen == true && !most.learns_as_baseline));
}

TEST_CASE("a rate that one study selected is not another's") {
  auto first = sample::results(), other = sample::results();
  for (auto& row : other.rows)
    if (row.label == "neutral") row.settings["gate"] = "tanh";
  other.choices = {sample::chosen(other.rows[0])};
  const auto all = join({first, other}, {"a", "b"});
  CHECK(choice_for(all, first.rows[0])->run.lr == 0.002);
  CHECK(choice_for(all, other.rows[0])->run.lr == 0.001);
  CHECK(study::summarise(all)[0].label == "neutral, gate relu");
  other = sample::results();
  other.choices = {sample::chosen(other.rows[0])};  // contradicts the first, and there are no scores to decide
  CHECK(choice_for(join({first, other}, {"a", "b"}), first.rows[0]) == nullptr);
}

TEST_CASE("results of the previous and the current schema are joined, runs of the same settings on one line") {
  const std::string folder = NEUTRA_SOURCE_DIR "/docs/results/extension/";
  const auto old = study::read_results(folder + "da/results.json"),
             more = study::read_results(folder + "da-he/results.json");
  auto now = study::results_from_json(study::to_json(old));  // written as today's
  for (auto& row : now.rows) row.seed += 100;
  const auto all = join({old, now}, {"old", "now"});
  CHECK(all.rows.size() == 2 * old.rows.size());
  CHECK(study::summarise(all).size() == study::summarise(old).size());
  CHECK(join({old, more}, {"a", "b"}).rows.size() == old.rows.size() + more.rows.size());
}

TEST_CASE("joined studies name every commit once") {
  auto other = more();
  CHECK(join({sample::results(), other}, {"a", "b"}).commit == "0123abc");
  other.commit = "4567def";
  CHECK(join({sample::results(), other, other}, {"a", "b", "c"}).commit == "0123abc; 4567def");
  other.commit = "0123";
  CHECK(join({sample::results(), other}, {"a", "b"}).commit == "0123abc; 0123");
  other.machine.processor = "another";
  CHECK(join({sample::results(), other}, {"a", "b"}).machine.processor ==
        sample::results().machine.processor + "; another");
}

TEST_CASE("studies that cannot be compared are not joined") {
  CHECK(refusal({}).find("at least one study") != std::string::npos);
  auto other = more();
  other.text_sha256["target"] = std::string(64, '1');
  CHECK(refusal({sample::results(), other}).find("some.json: the text target must be that of the first results") !=
        std::string::npos);
  other = more();
  other.text_sha256["another"] = std::string(64, '1');
  CHECK(refusal({sample::results(), other}).find("the texts must be those of the first results, 2 of them, got 3") !=
        std::string::npos);
  other = more();
  other.text_sha256["target.tuning"] = std::string(64, '1');
  CHECK(refusal({sample::results(), other})
            .find("must not have the text target.tuning, which the first results do not have; a study") !=
        std::string::npos);
  CHECK(refusal({other, sample::results()})
            .find("must have the text target.tuning, as the first results have; a study") != std::string::npos);
  CHECK(refusal({other, sample::results()}).find("give both several rates, or both one") != std::string::npos);
  other = more();
  other.rows[1].original.before = 2.5;
  CHECK(refusal({sample::results(), other}).find("some.json: rows[1] must be of the backbone of the first row") !=
        std::string::npos);
  other.rows[0].original.before = 2.5;
  CHECK(refusal({sample::results(), other}).find("extensions of one backbone") != std::string::npos);
  other = more();
  other.config["options"]["batch"] = 16;
  CHECK(refusal({sample::results(), other})
            .find("some.json: --batch must be that of the first results, (nothing), got 16") != std::string::npos);
  other = more();
  other.rows[0].target.after = 1.5;
  CHECK(refusal({sample::results(), other})
            .find("neutral, alpha 0.1, rate 0.002, seed 1 is in two results, with different outcomes") !=
        std::string::npos);
}

TEST_CASE("joined studies keep the runs that failed in both, and a row in one replaces a failure in the other") {
  auto first = sample::with_failures(), other = more();
  other.failed = first.failed;
  CHECK(join({first, other}, {"a", "b"}).failed.size() == 2);
  other.failed.clear();
  other.rows.push_back(sample::row("lora", 0.001, 2, 0.1, 2.0));  // there was enough memory
  const auto all = join({first, other}, {"a", "b"});
  REQUIRE(all.failed.size() == 1);
  CHECK(all.failed[0].run.label == "finetune");
  CHECK(join({other, first}, {"a", "b"}).failed.size() == 1);
  other.rows.push_back(sample::row("finetune", 0.5, 1, 0.1, 2.0));
  CHECK(refusal({first, other})
            .find("finetune, rate 0.5, seed 1 diverged in one of the results and has a row in another") !=
        std::string::npos);
}

TEST_CASE("joined studies have one backbone and tokenizer, if they record them") {
  auto first = sample::results(), other = more();
  first.config["base"] = {{"fingerprint", "aa"}, {"tokenizer", "bb"}};
  CHECK(refusal({first, other}) == "accepted");
  other.config["base"] = first.config["base"];
  CHECK(refusal({first, other}) == "accepted");
  other.config["base"]["fingerprint"] = "ab";
  CHECK(refusal({first, other}).find("some.json: the backbone must be that of the first results") != std::string::npos);
  other.config["base"] = {{"fingerprint", "aa"}, {"tokenizer", "bc"}};
  CHECK(refusal({first, other}).find("the tokenizer must be that of the first results") != std::string::npos);
  other.config["base"] = first.config["base"];
  other.config["base"]["adapter"] = "cc";
  for (const auto& both : {std::vector{first, other}, {other, first}})
    CHECK(refusal(both).find("the adapter of the model must be that of the first results") != std::string::npos);
}

TEST_CASE("joined results of a later stage start from the models that they build on") {
  auto first = sample::results();
  for (std::size_t i = 0; i < first.rows.size(); ++i) {
    first.rows[i].builds_on = std::string(64, i % 2 == 0 ? 'a' : 'b');
    first.rows[i].original.before += static_cast<double>(i % 2);
  }
  CHECK(join({first, first}, {"a", "b"}).rows.size() == first.rows.size());
  auto other = first;
  other.rows[3].original.before += 0.5;
  CHECK(refusal({first, other})
            .find("rows[3] must be of the model of the first row that builds on the same, which "
                  "has 3 and 5 bits per byte, got 3.5 and 5") != std::string::npos);
  CHECK(refusal({first, more()}).find("rows[0] must build on a run of an earlier stage") != std::string::npos);
  CHECK(refusal({more(), first}).find("rows[0] must not build on a run of an earlier stage") != std::string::npos);
}

TEST_CASE("Markdown has a line per method, its share of the vanilla adapter's forgetting, and every rate") {
  auto results = sample::results();
  results.rows.push_back(sample::adapter(0.001, 1, 0.1, 3.1));  // seed 1's curve: 2.7 at 0.20, 3.1 at 0.10
  results.choices.push_back(sample::chosen(sample::adapter(0.002, 1, 0, 0)));
  const std::string text = report::markdown(results);
  CHECK(text.find("original 2.000, target 5.000") != std::string::npos);
  CHECK(text.find("| neutral + | 2e-3^ | 2 | 0.070 \u00b1 0.010 | 3.000 \u00b1 0.000 | 0.125 | 0.56 | 50 / 90 |\n") !=
        std::string::npos);
  CHECK(text.find("| neutral | 1e-3 | 2 | 0.030 \u00b1 0.010 | 2.600 \u00b1 0.000 |\n") != std::string::npos);
  CHECK(text.find("^ the smallest or largest rate tried") != std::string::npos);
  auto improved = results;  // an adapter that forgets nothing has no share to compare with
  for (auto& row : improved.rows)
    if (row.label == "adapter") row.original.after = 1.9;
  CHECK(report::markdown(improved).find("| -0.100 | \u2013 | 50 / 90 |\n") != std::string::npos);
  results.rows[0].settings["gate"] = "a|b";
  CHECK(report::markdown(results).find("neutral, gate a\\|b") != std::string::npos);
  results.rows.clear();
  CHECK(report::markdown(results).find("No runs yet") != std::string::npos);
  const std::string told =
      "\nRuns without a result, excluded from all means and selections:\n\n- finetune, rate 5e-1, seed 1: diverged at "
      "step "
      "3, ";
  auto failing = sample::with_failures();
  CHECK(report::markdown(failing).find(told) != std::string::npos);
  failing.failed[0].where.parameter = "<q>`x`";
  CHECK(report::markdown(failing).find("gradient largest in &lt;q&gt;\\`x\\` (") != std::string::npos);
  failing.rows.clear();
  CHECK(report::markdown(failing).find(told) != std::string::npos);
}

TEST_CASE("joined studies have one quantisation of the base, none if it is not recorded") {
  auto quantised = more();
  quantised.config["options"]["base_precision"] = "q4";
  CHECK(refusal({sample::results(), quantised}).find("--base-precision must be that of the first results, (nothing)") !=
        std::string::npos);
}

TEST_CASE("joined studies have one precision, float if it is not recorded") {
  const auto told = [](const char* precision) {
    auto results = more();
    results.config["options"]["precision"] = precision;
    return results;
  };
  CHECK(refusal({sample::results(), told("float")}) == "accepted");
  CHECK(refusal({sample::results(), told("bf16")}).find("--precision must be that of the first results") !=
        std::string::npos);
}

TEST_CASE("studies of many runs are joined in time proportional to their number") {
  auto first = sample::results(), second = first;
  for (int i = 1; i <= 10000; ++i) {
    const auto row = sample::neutral(0.002, 1, 0.1, 3.1, 1 + 1e-4 * i);
    first.rows.push_back(row);
    first.choices.push_back(sample::chosen(row));
    first.choices.back().tried = {{0.002, 0.1, 3}};
    second.rows.push_back(i % 2 ? row : sample::neutral(0.002, 1, 0.1, 3.1, 3 + 1e-4 * i));
  }
  const auto all = join({first, second}, {"first", "second"});
  CHECK(all.rows.size() == first.rows.size() + 5000);
  CHECK(all.choices.size() > 10000);
}

TEST_CASE("names from outside are text in Markdown, not markup") {
  auto results = sample::results();
  for (auto& row : results.rows)
    if (row.label == "finetune") row.label = "<script>a|b</script> [x](y) `c` *d* e_f\\ \x1b\n&";
  const std::string text = report::markdown(results),
                    name = "&lt;script&gt;a\\|b&lt;/script&gt; \\[x\\](y) \\`c\\` \\*d\\* e_f\\\\ \\\\x1b\\\\x0a&amp;";
  CHECK(text.find("| " + name + " |") != std::string::npos);
  CHECK(text.find("- " + name + " forgets") != std::string::npos);
  CHECK(text.find("<script>") == std::string::npos);
}
