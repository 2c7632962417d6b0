// The numbers of the table, computed by hand from the sample study, and its form.
#include "neutra/report/table.hpp"

#include "tests/catch.hpp"
#include "tests/study/sample.hpp"

#include <sstream>

using namespace neutra;

namespace {

const study::Line& line(const std::vector<study::Line>& lines, std::string_view label) {
  for (const auto& l : lines)
    if (l.label == label) return l;
  FAIL("no line " << label);
  return lines.front();
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string l; std::getline(in, l);) lines.push_back(l);
  return lines;
}

}  // namespace

TEST_CASE("mean and standard error") {
  const auto m = study::mean({1, 2, 6});  // deviations -2 -1 3: variance 14/2 = 7, error sqrt(7/3)
  CHECK(m.value == Approx(3));
  CHECK(*m.error == Approx(1.527525));
  CHECK_FALSE(study::mean({4}).error);
  CHECK_THROWS_AS(study::mean({}), Error);
}

TEST_CASE("lines are means over the seeds of the chosen rate") {
  const auto lines = study::summarise(sample::results());
  REQUIRE(lines.size() == 3);
  const auto& neutral = line(lines, "neutral");
  CHECK(neutral.lr == 0.002);
  CHECK_FALSE(neutral.chosen_here);
  CHECK(neutral.runs.size() == 2);
  CHECK(neutral.curve.size() == 4);
  CHECK(neutral.forgetting.value == Approx(0.07));
  CHECK(*neutral.forgetting.error == Approx(0.01));  // |0.08 - 0.06| / 2
  CHECK(neutral.learning.value == Approx(3.0));
  CHECK(neutral.target_after.value == Approx(2.0));
  CHECK(neutral.original_after.value == Approx(2.07));
  CHECK(neutral.gate_open->original.value == Approx(0.5));
  CHECK(neutral.residue_ratio_by_layer->target == std::vector<double>{0.5, 0.25});
  CHECK_FALSE(line(lines, "finetune").gate_open);
  CHECK_FALSE(line(lines, "finetune").forgetting.error);
}

TEST_CASE("forgetting is read at the vanilla adapter's learning, where every seed's curve brackets it") {
  const auto lines = study::summarise(sample::results());
  // The adapter learns 2.8, halfway between 2.6 and 3.0: seed 1 gets (0.02 + 0.06)/2 = 0.04, seed 2 gets 0.06.
  const auto& at = line(lines, "neutral").forgetting_at_baseline;
  REQUIRE(at);
  CHECK(at->value == Approx(0.05));
  CHECK(*at->error == Approx(0.01));
  CHECK(line(lines, "adapter").forgetting_at_baseline->value == Approx(0.22));
  CHECK_FALSE(line(lines, "finetune").forgetting_at_baseline);

  auto partly = sample::results();
  partly.rows[0].target.after = 2.1;  // seed 1 now learns 2.9 and 3.0
  CHECK_FALSE(line(study::summarise(partly), "neutral").forgetting_at_baseline);
  auto without = sample::results();
  std::erase_if(without.rows, [](const auto& row) { return row.label == "adapter"; });
  CHECK_FALSE(line(study::summarise(without), "neutral").forgetting_at_baseline);
}

TEST_CASE("a seed that ran one rate alone has no curve and does not hide those of the others") {
  auto results = sample::results();
  results.rows.push_back(sample::neutral(0.002, 3, 0.9, 2.9));
  CHECK(line(study::summarise(results), "neutral").forgetting_at_baseline->value == Approx(0.05));
}

TEST_CASE("methods are held against the vanilla adapter seed by seed, and an order is claimed beyond twice its error") {
  auto results = sample::results();
  results.choices.push_back(sample::chosen(sample::adapter(0.002, 1, 0, 0)));
  results.rows.push_back(sample::adapter(0.004, 1, 0.40, 3.1));
  results.rows.push_back(sample::adapter(0.004, 2, 0.44, 3.3));
  const auto lines = study::summarise(results);
  const auto& neutral = line(lines, "neutral");
  CHECK(neutral.forgets_more->value == Approx(-0.15));  // 0.06 - 0.20 and 0.08 - 0.24
  CHECK(*neutral.forgets_more->error == Approx(0.01));
  CHECK(neutral.learns_more->value == Approx(0.2));  // 3.0 - 2.7 and 3.0 - 2.9
  // At 3.0: 0.20 + 0.3 / 0.4 * 0.20 and 0.24 + 0.1 / 0.4 * 0.20.
  CHECK(neutral.baseline_forgetting_here->value == Approx(0.32));
  CHECK(study::against_baseline(line(lines, "adapter")).empty());
  const std::string text = report::table(results);
  CHECK(text.find("neutral forgets 0.150 less (s.e. 0.010), learns 0.200 more (s.e. 0.100") != std::string::npos);
  CHECK(text.find(";\n    where adapter learns as much it forgets 0.320, this 0.070") != std::string::npos);
  CHECK(text.find("finetune forgets 0.200 more (one seed, no order)") != std::string::npos);
  CHECK(study::is_order({0.3, 0.1}));
  CHECK(study::is_order({-0.3, 0.1}));
  CHECK_FALSE(study::is_order({0.19, 0.1}));
  CHECK_FALSE(study::is_order({0.3, {}}));
}

TEST_CASE("a single baseline is compared with every method of its steps and share, whatever its capacity or body") {
  const auto compared = [](auto change) {
    auto results = sample::results();
    for (auto& row : results.rows)
      if (row.label == "adapter") change(row);
    return line(study::summarise(results), "neutral").forgets_more.has_value();
  };
  CHECK(compared([](study::RunResult&) {}));
  CHECK_FALSE(compared([](study::RunResult& row) { row.steps = 200; }));
  CHECK_FALSE(compared([](study::RunResult& row) { row.share = 0; }));
  CHECK(compared([](study::RunResult& row) { row.settings["capacity"] = 0.1; }));
  CHECK(compared([](study::RunResult& row) { row.settings["body"] = "bottleneck"; }));
  CHECK(compared([](study::RunResult& row) { row.settings["placement"] = "after"; }));
}

TEST_CASE("of baselines that differ in capacity, body or placement the equal one is compared with") {
  const auto baseline_of = [](const std::string& key, const Setting& of_second, const Setting& of_method) {
    auto results = sample::results();
    for (auto& row : results.rows)
      if (row.label == "neutral") row.settings[key] = of_method;
    results.rows.push_back(sample::adapter(0.002, 1, 0.5, 2.7));
    results.rows.back().settings[key] = of_second;
    for (const study::Line& one : study::summarise(results))
      if (one.method == "neutral") return one.baseline;
    return std::string("no line");
  };
  CHECK(baseline_of("capacity", 0.1, 0.2) == "adapter, capacity 0.2");
  CHECK(baseline_of("capacity", 0.1, 0.1) == "adapter, capacity 0.1");
  CHECK(baseline_of("capacity", 0.1, 0.3).empty());
  CHECK(baseline_of("body", "bottleneck", "bottleneck") == "adapter, body bottleneck");
  CHECK(baseline_of("placement", "after", "parallel") == "adapter, placement parallel");
}

TEST_CASE("seeds that ran fewer rates than others have no whole curve") {
  auto results = sample::results();
  results.rows.push_back(sample::neutral(0.004, 1, 0.07, 3.1));  // only seed 1 has three rates
  const auto at = line(study::summarise(results), "neutral").forgetting_at_baseline;
  CHECK(at->value == Approx(0.04));
  CHECK_FALSE(at->error);
}

TEST_CASE(
    "the table says which alpha was chosen, whether it learned enough, and that a rate lies at the end of those "
    "tried") {
  auto results = sample::results();
  results.rows.push_back(sample::neutral(0.002, 1, 0.1, 3.1, 0.01));
  CHECK(report::table(results).find("chosen)") == std::string::npos);
  results.choices[0].alpha_chosen = true;
  results.choices[0].learns_as_baseline = true;
  CHECK(report::table(results).find("neutral, alpha 0.1 (chosen)") != std::string::npos);
  auto ablated = results;  // a line with other settings was not among the candidates
  ablated.rows.push_back(sample::neutral(0.002, 1, 0.1, 3.0));
  ablated.rows.back().settings["init"] = "he";
  CHECK(report::table(ablated).find("alpha 0.1, init low_variance (chosen)") != std::string::npos);
  CHECK(report::table(ablated).find("init he (chosen)") == std::string::npos);
  CHECK(report::table(results).find("No alpha of neutral") == std::string::npos);
  results.choices[0].learns_as_baseline = false;
  CHECK(report::table(results).find("No alpha of neutral, alpha 0.1 (chosen) learned within 1 % of adapter") !=
        std::string::npos);
  CHECK(report::table(results).find("2e-3^") != std::string::npos);
  results.rows.push_back(sample::neutral(0.004, 1, 0.1, 2.9));
  CHECK(report::table(results).find('^') == std::string::npos);  // 2e-3 is between 1e-3 and 4e-3
}

TEST_CASE("a curve that turns back gives the least forgetting of its passes") {
  std::vector<study::CurvePoint> curve{
      {.forgetting = 0.1, .learning = 1}, {.forgetting = 0.3, .learning = 2}, {.forgetting = 0.9, .learning = 1}};
  CHECK(*study::forgetting_at(curve, 1.5) == Approx(0.2));
  CHECK(*study::forgetting_at(curve, 2.0) == Approx(0.3));
  CHECK(*study::forgetting_at(curve, 1.0) == Approx(0.1));
  CHECK_FALSE(study::forgetting_at(curve, 2.01));
  CHECK_FALSE(study::forgetting_at(curve, 0.99));
  CHECK_FALSE(study::forgetting_at(std::vector{curve[0]}, 1.0));
  curve[1].learning = curve[0].learning;  // no division by zero
  CHECK(*study::forgetting_at(std::vector{curve[0], curve[1]}, 1.0) == Approx(0.1));
}

TEST_CASE("labels name what differs, and the vanilla adapter of the same share is the yardstick") {
  auto results = sample::results();
  results.rows.push_back(sample::neutral(0.002, 1, 0.1, 3.1, 0.01));
  auto other = sample::adapter(0.002, 1, 0.9, 2.9);
  other.share = 0;
  results.rows.insert(results.rows.begin(), other);  // before the baseline that counts
  const auto lines = study::summarise(results);
  REQUIRE(lines.size() == 5);
  CHECK(line(lines, "neutral, alpha 0.1").runs.size() == 2);
  CHECK(line(lines, "neutral, alpha 0.01").runs.size() == 1);
  CHECK(line(lines, "adapter, share 0").forgetting.value == Approx(0.9));
  CHECK(line(lines, "neutral, alpha 0.1").forgetting_at_baseline->value == Approx(0.05));
}

TEST_CASE("without a recorded choice the rate with the most seeds is reported, or the best one is marked") {
  auto results = sample::results();
  results.choices.clear();
  CHECK(line(study::summarise(results), "neutral").lr == 0.002);  // 2.0 after training, against 2.4
  CHECK(line(study::summarise(results), "neutral").chosen_here);
  CHECK(report::table(results).find("2e-3*") != std::string::npos);
  CHECK(report::table(sample::results()).find('*') == std::string::npos);
  results.rows.push_back(sample::neutral(0.001, 3, 0.03, 2.6));
  CHECK(line(study::summarise(results), "neutral").lr == 0.001);
  CHECK_FALSE(line(study::summarise(results), "neutral").chosen_here);
  results.choices = {sample::chosen(sample::neutral(0.5, 1, 0, 0))};  // a rate that was not run
  CHECK(line(study::summarise(results), "neutral").lr == 0.001);
}

TEST_CASE("the table is aligned, complete and fits 120 columns") {
  auto results = sample::results();
  results.rows.push_back(
      sample::row("a method with an unusually long name that fits no column at all", 1.25e-05, 1, 123.456, -45.678));
  results.rows.push_back(sample::adapter(0.004, 1, 0.40, 3.1));
  const std::string text = report::table(results);
  const auto lines = split(text);
  for (const auto& l : lines) CHECK(l.size() <= 120);
  CHECK(text.find("\nneutral") < text.find("\nadapter"));
  const auto neutral =
      *std::find_if(lines.begin(), lines.end(), [](const auto& l) { return l.starts_with("neutral"); });
  for (const char* part : {" 2e-3^ ", " 2 ", "2.000 2.070", "5.000 2.000", "0.070 0.010", "3.000 0.000", "0.050 0.010",
                           "50/90", "600k", "12.5k"})
    CHECK(neutral.find(part) != std::string::npos);
  const auto adapter =
      *std::find_if(lines.begin(), lines.end(), [](const auto& l) { return l.starts_with("adapter"); });
  CHECK(adapter.find("2.000 2.220") == neutral.find("2.000 2.070"));  // aligned
  CHECK(adapter.size() == neutral.size());
  CHECK(text.find("no column at all\n") != std::string::npos);  // on its own line
  CHECK(report::table({}) == "No runs yet: the results have no rows.\n");
}

TEST_CASE("numbers for people") {
  CHECK(neutra::fixed(-0.0001, 3) == "0.000");
  CHECK(neutra::fixed(-0.0006, 3) == "-0.001");
  CHECK(neutra::fixed(1e300, 1).size() == 303);
  CHECK(neutra::short_count(0) == "0");
  CHECK(neutra::short_count(999) == "999");
  CHECK(neutra::short_count(999.6) == "1.00k");
  CHECK(neutra::short_count(12345) == "12.3k");
  CHECK(neutra::short_count(99960) == "100k");
  CHECK(neutra::short_count(2999999) == "3.00M");
  CHECK(neutra::percent(0) == "0");
  CHECK(neutra::percent(1) == "100");
  CHECK(neutra::percent(0.0004) == "<0.1");
  CHECK(neutra::percent(0.002) == "0.2");
  CHECK(neutra::percent(0.9999) == ">99.9");
  CHECK(neutra::percent(0.694) == "69");
  CHECK(neutra::rate(0.002) == "2e-3");
  CHECK(neutra::rate(0.00015) == "1.5e-4");
  CHECK(neutra::rate(1) == "1e0");
  CHECK(neutra::rate(1e-10) == "1e-10");
  CHECK(neutra::rate(300) == "3e2");
  CHECK(neutra::rate(0) == "0");
  CHECK(neutra::clock_time(7.4) == "0:07");
  CHECK(neutra::clock_time(59.6) == "1:00");
  CHECK(neutra::clock_time(754) == "12:34");
  CHECK(neutra::clock_time(3723) == "1:02:03");
  CHECK(neutra::clock_time(-1) == "0:00");
}

TEST_CASE("results of many rows take time in proportion to their number") {
  // Visiting all lines for each line or row would take minutes with so many.
  auto results = sample::results();
  for (int i = 1; i <= 10000; ++i) {
    results.rows.push_back(sample::neutral(0.002, 1, 0.1, 3.1, 1 + 1e-4 * i));
    results.rows.push_back(sample::neutral(0.002, static_cast<std::uint64_t>(i + 10), 0.1, 3.1, 0.5));
    auto adapter = sample::adapter(0.002, 1, 0.2, 3.0);
    adapter.settings["capacity"] = 1 + 1e-4 * i;
    results.rows.push_back(adapter);
  }
  results.choices = {sample::chosen(sample::neutral(0.002, 1, 0, 0, 0.5))};
  results.choices[0].alpha_chosen = true;
  const auto lines = study::summarise(results);
  CHECK(lines.size() == 3 + 10000 + 1 + 10000);
  CHECK(line(lines, "neutral, alpha 0.5 (chosen)").runs.size() == 10000);
  CHECK(line(lines, "neutral, alpha 1.5").forgetting_at_baseline.has_value() == false);  // only one rate, so no curve
  CHECK(line(lines, "neutral, alpha 1.5").forgets_more.has_value());
  CHECK(line(lines, "adapter, capacity 1.5").forgetting_at_baseline->value == Approx(0.2));
}

TEST_CASE("names from outside are shown in the table without control characters") {
  auto results = sample::results();
  for (auto& row : results.rows)
    if (row.label == "finetune") row.label = "lo\x1b[2Jra\n\u202e\u009b";
  const std::string text = report::table(results);
  CHECK(text.find("lo\\x1b[2Jra\\x0a\\xe2\\x80\\xae\\xc2\\x9b") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
  results = sample::with_failures();
  results.failed[0].where.parameter = "w\x1b[2J";
  CHECK(report::table(results).find("gradient largest in w\\x1b[2J (") != std::string::npos);
}

TEST_CASE("the table names the runs that have no row, with what ended them") {
  auto results = sample::with_failures();
  const std::string told =
      "\nRuns without a result, excluded from all means and selections:\n"
      "  finetune, rate 5e-1, seed 1: diverged at step 3, gradient largest in layers.0.<q> (2.5e+20)\n"
      "  lora, rate 1e-3, seed 2: ran out of memory\n";
  CHECK(report::table(results).find(told) != std::string::npos);
  CHECK(report::table(sample::results()).find("without a result") == std::string::npos);
  // Its alpha has no line.
  results.failed.push_back({sample::neutral(0.01, 1, 0, 0, 3), study::FailureState::not_saved, "a disk", {}});
  CHECK(report::table(results).find("  neutral, alpha 3, rate 1e-2, seed 1: could not be saved\n") !=
        std::string::npos);
  results.rows.clear();
  CHECK(report::table(results).starts_with("No runs yet: the results have no rows.\n\nRuns without a result"));
}

TEST_CASE("a rate beyond which another diverged is not at the edge of those tried") {
  auto results = sample::results();
  CHECK(line(study::summarise(results), "neutral").at_edge);
  results.failed.push_back({sample::neutral(0.004, 1, 0, 0), study::FailureState::out_of_memory, "", {}});
  CHECK(line(study::summarise(results), "neutral").at_edge);
  results.failed.push_back({sample::neutral(0.004, 1, 0, 0), study::FailureState::diverged, "", {}});
  CHECK_FALSE(line(study::summarise(results), "neutral").at_edge);
}

TEST_CASE("the table says that alpha was chosen without a baseline") {
  auto results = sample::results();
  results.choices[0].alpha_chosen = true;
  CHECK(report::table(results).find("No run of the baseline was available to select the alpha of neutral by") !=
        std::string::npos);
}

TEST_CASE("any method may be the baseline, and messages call it by its label") {
  auto results = sample::results();
  results.config["baseline"] = "finetune";
  const auto lines = study::summarise(results);
  CHECK(line(lines, "finetune").is_baseline);
  CHECK(line(lines, "adapter").forgets_more.has_value());
  const std::string text = report::table(results);
  CHECK(text.find("\nAgainst finetune, seed by seed:\n") != std::string::npos);
  CHECK(text.find("reaches the baseline's learning (finetune)") != std::string::npos);
  results.config.erase("baseline");
  CHECK(report::table(results).find("seed by seed") == std::string::npos);
  results.config["baseline"] = "adapter";  // several of one name: that of the line's own capacity
  for (const double capacity : {0.1, 0.2}) {
    auto row = sample::adapter(0.002, 1, 0.5, 2.7);
    row.label = concat("adapter, capacity ", capacity);
    row.settings["capacity"] = capacity;
    results.rows.push_back(row);
  }
  std::erase_if(results.rows, [](const auto& row) { return row.label == "adapter"; });
  results.rows[0].settings["capacity"] = 0.1;
  CHECK(study::summarise(results)[0].baseline == "adapter, capacity 0.1");
}
