// A comparison of gates, alphas and seeds, and of what is trained, as one command: one table and one picture.
#include "tests/programs/study.hpp"

#include <set>

using namespace neutra;
using programs::Study;
using programs::Words;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("extend: gates x alphas x seeds on two files are one command, one table and one picture", "[programs]") {
  const Study study;
  const Words command =
      Study::small({"--original", study.text("first"), "--target", study.text("second"), "--out", study.out().string(),
                    "--method", "residue(gate={relu,elu}, alpha=0.01)", "--method",
                    "residue(gate={relu,elu}, alpha=0.1)", "--lr", "2e-3", "--seeds", "2"});
  Words all = {programs::path_of("extend")};
  all.insert(all.end(), command.begin(), command.end());
  const auto ended = programs::run(all);
  INFO(ended.err);
  REQUIRE(ended.status == 0);

  const auto results = study::read_results(study.out() / "results.json");
  std::set<std::tuple<std::string, double, std::uint64_t>> runs;
  for (const auto& row : results.rows) {
    runs.emplace(text_of(row.settings.at("gate")), row.alpha.value(), row.seed);
    CHECK(row.original.before == results.rows[0].original.before);
    CHECK(row.target.before == results.rows[0].target.before);
  }
  CHECK(runs.size() == 2 * 2 * 2);
  CHECK(results.rows.size() == 2 * 2 * 2);
  CHECK(count(ended.err, "backbone") == 1);  // evaluated once, not once per gate or alpha

  CHECK(count(ended.out, "\nresidue, ") == 4);  // a line each, of both seeds
  for (const char* label : {"residue, alpha 0.01, gate relu", "residue, alpha 0.01, gate elu",
                            "residue, alpha 0.1, gate relu", "residue, alpha 0.1, gate elu"}) {
    CAPTURE(label);
    CHECK(count(ended.out, label) == 1);
    CHECK(scratch::get(study.out() / "learning.svg").find(label) != std::string::npos);
    CHECK(scratch::get(study.out() / "report.html").find(label) != std::string::npos);
  }
}

TEST_CASE("extend: one command selects each gate's alpha, beside the baseline", "[programs]") {
  const Study study;
  const auto ended =
      programs::run(study.command(Study::small({"--methods", "adapter", "--method", "residue(gate={relu,elu})",
                                                "--alpha", "0.01,0.1", "--lr", "2e-3", "--seeds", "2"})));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto results = study::read_results(study.out() / "results.json");
  for (const char* gate : {"relu", "elu"}) {
    std::set<double> tried, selected;
    for (const auto& choice : results.choices)
      if (choice.run.label == concat("residue, gate ", gate)) {
        tried.insert(choice.run.alpha.value());
        if (choice.alpha_chosen == true) selected.insert(choice.run.alpha.value());
      }
    CHECK(tried == std::set<double>{0.01, 0.1});
    REQUIRE(selected.size() == 1);
    std::set<std::uint64_t> seeds;
    for (const auto& row : results.rows)
      if (row.label == concat("residue, gate ", gate) && row.alpha == *selected.begin()) seeds.insert(row.seed);
    CHECK(seeds == std::set<std::uint64_t>{1, 2});
  }
}

TEST_CASE("extend: parameter groups are compared by their settings, recorded, and train what they say", "[programs]") {
  const Study study;
  const Words methods = {"--method", "neutral(rate_factor.gate={1,0.1}, weight_decay.down_proj=0)", "--method",
                         "top: finetune(frozen.model=true, frozen.layers.1=false, rate_factor.mlp=0.5)"};
  const auto ended = programs::run(study.command(Study::small(methods)));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto results = study::read_results(study.out() / "results.json");
  const auto row = [&](const std::string& label) {
    for (const auto& one : results.rows)
      if (one.label == label) return one;
    return study::RunResult{};
  };
  const auto usual = row("neutral, rate_factor.gate 1"), slow = row("neutral, rate_factor.gate 0.1"), top = row("top");
  CHECK(slow.settings.at("rate_factor.gate") == Setting(0.1));
  CHECK(slow.settings.at("weight_decay.down_proj") == Setting(Index{0}));
  CHECK_FALSE(slow.settings.contains("rate_factor.down_proj"));
  CHECK(slow.trainable_weights == usual.trainable_weights);
  CHECK(slow.target.after != usual.target.after);

  CHECK(top.settings.at("frozen.model") == Setting(true));
  const auto weights =
      io::Safetensors::open((study.out() / "runs" / (top.name()) / "model" / "model.safetensors").string());
  const auto before = io::Safetensors::open((study.out() / "backbone" / "model.safetensors").string());
  Index trained = 0;
  for (const auto& [name, entry] : weights.entries()) {
    const auto now = weights.read<float>(name), then = before.read<float>(name);
    const bool moved = !std::equal(now.data(), now.data() + now.size(), then.data());
    CAPTURE(name);
    CHECK(moved == (name.find(".layers.1.") != std::string::npos || name.starts_with("lm_head")));
    trained += moved ? now.size() : 0;
  }
  CHECK(trained == top.trainable_weights);

  const auto refused = programs::run(study.command(Study::small({"--method", "lora(rate_factor.gate=0.1)"}), "wrong"));
  CHECK(refused.status == 1);
  CHECK(refused.err.find("the method lora: the parameter group 'gate' must contain a parameter") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(study.out("wrong")));
}
