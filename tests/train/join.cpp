// Studies run apart become one: no run counts twice, no choice is made up, and what cannot be compared is refused.
#include "neutra/train/join.hpp"
#include "neutra/train/markdown.hpp"

#include "tests/catch.hpp"
#include "tests/train/sample.hpp"

using namespace neutra;
using train::join;

namespace {

/// Another study on the sample's texts and backbone: seed 3 of the chosen rate, and a run that the sample has too.
train::Results more() {
  auto r = sample::results();
  r.config = {{"command", "extend --lr 2e-3"}, {"chosen_lr", {{"neutral", 0.002}, {"lora", 0.01}}}};
  r.rows = {sample::neutral(0.002, 1, 0.06, 3.0), sample::neutral(0.002, 3, 0.10, 3.0)};
  r.rows[0].train_seconds = 99;  // the same run, on a busier day
  return r;
}

std::string refusal(const std::vector<train::Results>& studies) {
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
  const auto lines = train::summarise(all);
  CHECK(lines.front().runs.size() == 3);
  CHECK(lines.front().forgetting.value == Approx(0.08));
  CHECK(all.config["joined"][0]["command"] == "extend --lr 2e-3");
  CHECK(join({sample::results()}, {"a"}).config == sample::results().config);
}

TEST_CASE("joined studies choose rates and alpha by the scores of all, and not those of other settings") {
  const auto score = [](const char* method, io::Json alpha, double lr, double forgetting, double learning) {
    return io::Json{{"method", method}, {"alpha", alpha}, {"lr", lr}, {"seed", 1u}, {"forgetting", forgetting}, {"learning", learning}};
  };
  auto first = sample::results(), other = more();
  first.config["options"] = {{"gate", "relu"}, {"steps", 100}, {"lr", {0.001}}};
  first.config["choosing"] = {score("adapter", nullptr, 0.001, 0.2, 3.0), score("neutral", 0.01, 0.001, 0.1, 2.8),
                              score("neutral", 0.1, 0.001, 0.05, 2.7)};
  first.config["chosen_alpha"] = 0.01;
  other.config["options"] = {{"gate", "relu"}, {"steps", 100}, {"lr", {0.004}}};
  other.config["choosing"] = {score("neutral", 0.01, 0.004, 0.1, 2.99), score("neutral", 0.1, 0.004, 0.06, 2.98),
                              score("adapter", nullptr, 0.004, 0.3, 2.9)};
  const auto all = join({first, other}, {"a", "b"}).config;
  CHECK(all["chosen_lr"] == io::Json{{"adapter", 0.001}, {"neutral, alpha 0.01", 0.004}, {"neutral, alpha 0.1", 0.004}});
  CHECK(all["chosen_alpha"] == 0.1);  // within 1 % of 3.0, and forgets less than the other that is
  CHECK(all["chosen_alpha_learns_as_vanilla"] == true);
  other.config["options"]["gate"] = "tanh";
  CHECK(join({first, other}, {"a", "b"}).config["chosen_lr"] == first.config["chosen_lr"]);
  other.config["choosing"] = "none";  // whatever a file may hold
  CHECK(join({first, other}, {"a", "b"}).config["chosen_alpha"] == 0.01);
  other.config["options"]["gate"] = "relu";
  other.config["choosing"] = {{{"method", "neutral"}}};
  CHECK(refusal({first, other}).find("choosing: alpha") != std::string::npos);
}

TEST_CASE("joined studies name every commit once") {
  auto other = more();
  CHECK(join({sample::results(), other}, {"a", "b"}).commit == "0123abc");
  other.commit = "4567def";
  CHECK(join({sample::results(), other, other}, {"a", "b", "c"}).commit == "0123abc, 4567def");
}

TEST_CASE("what cannot be compared is not joined") {
  CHECK(refusal({}).find("at least one study") != std::string::npos);
  auto other = more();
  other.text_sha256["target"] = std::string(64, '1');
  CHECK(refusal({sample::results(), other}).find("some.json: the texts must be those of") != std::string::npos);
  other = more();
  other.rows[1].original.before = 2.5;
  CHECK(refusal({sample::results(), other}).find("extensions of one backbone") != std::string::npos);
  other = more();
  other.config["options"]["batch"] = 16;
  CHECK(refusal({sample::results(), other}).find("some.json: --batch must be that of the first results, null, got 16") != std::string::npos);
  other = more();
  other.rows[0].target.after = 1.5;
  CHECK(refusal({sample::results(), other}).find("neutral at rate 0.002, seed 1 is in two results, with different outcomes") != std::string::npos);
}

TEST_CASE("Markdown has a line per method, its share of the vanilla adapter's forgetting, and every rate") {
  auto results = sample::results();
  results.rows.push_back(sample::adapter(0.001, 1, 0.1, 3.1));  // seed 1's curve: 2.7 at 0.20, 3.1 at 0.10
  results.config["chosen_lr"]["adapter"] = 0.002;
  const std::string text = train::markdown(results);
  CHECK(text.find("original 2.000, target 5.000") != std::string::npos);
  CHECK(text.find("| neutral | 2e-3^ | 2 | 0.070 \u00b1 0.010 | 3.000 \u00b1 0.000 | 0.125 | 0.56 | 50 / 90 |\n") != std::string::npos);
  CHECK(text.find("| neutral | 1e-3 | 2 | 0.030 \u00b1 0.010 | 2.600 \u00b1 0.000 |\n") != std::string::npos);
  CHECK(text.find("^ the least or largest of the rates tried") != std::string::npos);
  results.rows[0].gate = "a|b";
  CHECK(train::markdown(results).find("neutral, gate a\\|b") != std::string::npos);
  results.rows.clear();
  CHECK(train::markdown(results).find("No runs yet") != std::string::npos);
}
