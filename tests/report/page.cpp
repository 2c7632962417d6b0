// report.html: well-formed, self-contained and escaped, with a point for each run in the right place, for any results.
#include "neutra/report/page.hpp"
#include "neutra/report/markdown.hpp"

#include "tests/catch.hpp"
#include "tests/report/html.hpp"
#include "tests/study/sample.hpp"

#include <unistd.h>

#include <cstdio>
#include <limits>

using namespace neutra;
using html::check_page;
using html::count;
using html::unbalanced;
using report::Axis;

namespace {

study::Results only(std::vector<study::RunResult> rows) {
  auto results = sample::results();
  results.rows = std::move(rows);
  return results;
}

}  // namespace

TEST_CASE("ticks are round, lie on the axis and carry the digits they need") {
  CHECK(report::tick_step(1, 10) == Approx(0.1));
  CHECK(report::tick_step(1, 4) == Approx(0.5));
  CHECK(report::tick_step(37, 5) == Approx(10));
  const Axis axis{-0.013, 0.31, 0, 100};
  std::string texts;
  for (const double v : axis.ticks(8)) texts += axis.tick_text(v, 8) + " ";
  CHECK(texts == "0.00 0.05 0.10 0.15 0.20 0.25 0.30 ");
  CHECK(axis.pixel(-0.013) == Approx(0));
  CHECK(axis.pixel(0.31) == Approx(100));
  for (const double value : {0.0, 3.0, -2e-9, 1e9}) {  // a single value, repeated
    const Axis single = Axis::around({value, value}, 0, 10);
    CHECK(single.low < value);
    CHECK(single.high > value);
    CHECK(single.ticks(5).size() >= 1);
    CHECK(single.ticks(5).size() <= 6);
  }
}

TEST_CASE("a report shows each run as a point where it belongs") {
  const auto results = sample::results();
  const auto html = report::report(results);
  check_page(html);
  for (const auto& row : results.rows) {
    const auto title = concat(row.label, ", rate ", neutra::rate(row.lr), ", seed ", row.seed, ": forgetting ",
                              neutra::fixed(row.forgetting(), 3));
    CHECK(count(html, "<title>" + title) == 2);  // in the wide and in the narrow picture
  }
  // Finetuning forgets most, 0.4, and learns most, 3.4; the axes have a margin of 7 % around 0 .. 0.4 and 2.6 .. 3.4.
  const auto picture = report::learning_picture(study::summarise(results), 760, 440, "wide");
  const auto start = picture.rfind("<path", picture.find("><title>finetune"));
  REQUIRE(start != picture.npos);
  double top_x = 0, top_y = 0, right_x = 0, right_y = 0;  // of a diamond
  REQUIRE(std::sscanf(picture.c_str() + start, "<path d=\"M%lf %lfL%lf %lfL", &top_x, &top_y, &right_x, &right_y) == 4);
  CHECK(top_x == Approx(46 + 702 * (0.4 + 0.028) / 0.456).margin(0.1));
  CHECK(right_y == Approx(396 - 370 * (0.8 + 0.056) / 0.912).margin(0.1));
  CHECK(count(picture, "<polyline class=\"path") == 1);  // only neutral has two rates
  CHECK(count(picture, "class=\"label\"") == 3);
}

TEST_CASE("a report shows what was run and how gates opened") {
  const auto html = report::report(sample::results());
  const std::vector<std::string> parts{"extend --methods neutral,adapter",
                                       "0123abc",
                                       std::string(64, 'a'),
                                       "sha256 of target",
                                       "<td><code>adapter</code></td>",
                                       "50 % / 90 %",
                                       "600k <small>20.0 %",
                                       "0.070 <small>\u00b1\u00a00.010",
                                       "7 runs: 3 methods, 3 learning rates, 2 seeds"};
  for (const std::string& part : parts) {
    INFO(part);
    CHECK(html.find(part) != html.npos);
  }
  CHECK(html.find("<title>layer 1, original 75 %</title>") != html.npos);
  CHECK(html.find("<title>layer 1, target 0.250</title>") != html.npos);
  CHECK(count(html, "class=\"panel\"") == 3);  // gates of neutral, residues of neutral and of the adapter
}

TEST_CASE("the Pareto front is marked in the picture and in the table, one line alone is not") {
  auto results = sample::results();
  results.rows.push_back(sample::row("worse", 0.001, 1, 0.3, 2.5));
  const auto lines = study::summarise(results);  // neutral 0.07 3.0, finetune 0.4 3.4; the adapter is dominated
  const auto html = report::report(results);
  check_page(html);
  for (const auto& [label, on] :
       {std::pair{"neutral", true}, {"adapter", false}, {"finetune", true}, {"worse", false}}) {
    INFO(label);
    CHECK((html.find(concat("</svg> ", label, " +</td>")) != html.npos) == on);
  }
  const auto picture = report::learning_picture(lines, 760, 440, "wide");
  CHECK(count(picture, "<circle class=\"front\"") == 2);
  CHECK(count(picture, "class=\"open c") == 2);
  CHECK(count(picture, "<polyline class=\"steps") == 1);
  CHECK(count(html, "on the Pareto front (+)</li>") == 1);
  CHECK(report::learning_svg(results).find(">on the Pareto front (+)</text>") != html.npos);
  const auto alone = report::report(only({sample::row("lora", 1e-3, 1, 0.1, 2)}));
  CHECK(count(alone, "class=\"front\"") + count(alone, "Pareto") == 0);
}

TEST_CASE("a sweep over a number has one style and a line through its means, each labelled with its value") {
  std::vector<study::RunResult> rows{sample::row("other", 1e-3, 1, 0.2, 3.1)};
  for (const auto& [share, forgetting] : {std::pair{0.3, 0.05}, {0.0, 0.4}, {0.1, 0.1}}) {
    rows.push_back(sample::row("adapter", 1e-3, 1, forgetting, 2.5 + forgetting));
    rows.back().share = share;
  }
  const auto results = only(rows);
  const auto lines = study::summarise(results);
  const auto style = report::styles(lines);
  CHECK((style[1] == style[2] && style[2] == style[3] && style[0] != style[1]));
  CHECK_FALSE(lines[0].swept);
  REQUIRE(lines[1].swept);
  CHECK((lines[1].swept->of == "adapter" && lines[1].swept->setting == "share" && lines[1].swept->value == 0.3));
  const auto picture = report::learning_svg(results);
  CHECK(count(picture, "<polyline class=\"curve") == 1);
  for (const std::string words : {"0", "0.1", "0.3", "adapter, share 0 to 0.3", "other"}) {
    INFO(words);
    CHECK(count(picture, ">" + words + "</text>") >= 1);
  }
  CHECK(count(picture, ">adapter, share 0.1</text>") == 0);
  // From p = 0, which forgets most, to 0.3: from right to left.
  double first = 0, second = 0, third = 0, y = 0;
  const auto points = picture.find("points=", picture.find("<polyline class=\"curve"));
  REQUIRE(std::sscanf(picture.c_str() + points, "points=\"%lf,%lf %lf,%lf %lf,%lf", &first, &y, &second, &y, &third,
                      &y) == 6);
  CHECK((first > second && second > third));
  const auto html = report::report(results);
  check_page(html);
  CHECK(count(html, "adapter, share 0 to 0.3</li>") >= 1);
  CHECK(count(html, "adapter, share 0.1") >= 1);  // in the table
}

TEST_CASE("lines are a sweep where their labels differ in one number, the longest if there are several") {
  std::vector<study::RunResult> rows;
  for (const double alpha : {0.1, 1.0, 10.0})
    for (const Index steps : {50, 400}) {
      rows.push_back(sample::neutral(1e-3, 1, 0.1, 3, alpha));
      rows.back().steps = steps;
    }
  for (const double capacity : {0.05, 0.5}) {  // told apart by their labels
    rows.push_back(sample::adapter(1e-3, 1, 0.2, 3));
    rows.back().settings["capacity"] = capacity;
    rows.back().label = concat("adapter, capacity ", capacity);
  }
  rows.push_back(sample::row("adapter, capacity 0.55", 1e-3, 1, 0.2, 3));  // has no such setting
  const auto lines = study::summarise(only(rows));
  REQUIRE(lines.size() == 9);
  for (std::size_t i = 0; i < 6; ++i) {
    REQUIRE(lines[i].swept);
    CHECK(lines[i].swept->of == (i % 2 == 0 ? "neutral, steps 50" : "neutral, steps 400"));
    CHECK((lines[i].swept->setting == "alpha" && lines[i].swept->value == rows[i].alpha));
  }
  for (std::size_t i = 6; i < 8; ++i) {
    REQUIRE(lines[i].swept);
    CHECK((lines[i].swept->of == "adapter" && lines[i].swept->setting == "capacity"));
  }
  CHECK_FALSE(lines[8].swept);
}

TEST_CASE("a report shows gates and residues by class of tokens, where the results have them") {
  auto results = sample::results();
  CHECK(report::report(results).find("class of tokens") == std::string::npos);
  for (auto& row : results.rows) {
    if (row.label == "finetune") continue;
    row.tokens_by_class = {{{"word_start", 30}, {"<b>", 10}}, {{"word_start", 60}, {"number", 20}}};
    row.residue_ratio_by_class = {{{"word_start", 0.125}, {"<b>", 0.5}}, {{"word_start", 0.25}, {"number", 1.0}}};
    if (row.label == "neutral")
      row.gate_open_by_class = {{{"word_start", 0.25}, {"<b>", 0.0}}, {{"word_start", 0.5}, {"number", 1.0}}};
  }
  const auto html = report::report(results);
  check_page(html);
  CHECK(html.find("<th>word start<br/><small>75 / 75 %</small></th><th>number<br/><small>0 / 25 %</small></th>"
                  "<th>&lt;b&gt;<br/><small>25 / 0 %</small></th>") != html.npos);  // by their number in the target
  CHECK(html.find("<td class=\"name\">neutral</td><td>25 / 50</td><td>\u2013 / 100</td><td>0 / \u2013</td>") !=
        html.npos);
  CHECK(html.find("<td class=\"name\">adapter</td><td>0.125 / 0.250</td>") != html.npos);
  CHECK(count(html, "<td class=\"name\">adapter</td><td>25") == 0);  // has no gate
}

TEST_CASE("colours and shapes stay apart for many methods, and the paper's methods keep theirs") {
  std::vector<study::RunResult> rows{sample::row("lora", 1, 1, 0, 0), sample::row("mine", 1, 1, 0, 0),
                                     sample::row("neutral", 1, 1, 0, 0)};
  CHECK(report::styles(study::summarise(only(rows))) == std::vector<std::size_t>{2, study::shorthands().size(), 0});
  std::set<std::string> looks;
  for (std::size_t style = 0; style < 56; ++style) looks.insert(report::svg::marker(style, style, 10, 10, 5, "mark"));
  CHECK(looks.size() == 56);
}

TEST_CASE("labels overlap neither each other nor points") {
  std::vector<study::RunResult> rows;
  for (int i = 0; i < 12; ++i)
    rows.push_back(sample::row("method " + std::to_string(i), 1, 1, 0.1 + 0.003 * (i % 4), 2 + 0.004 * (i / 4)));
  const auto picture = report::learning_picture(study::summarise(only(rows)), 760, 440, "wide");
  const std::string label = "<text class=\"label\" ";
  std::vector<report::detail::Box> boxes;
  for (auto at = picture.find(label); at != picture.npos; at = picture.find(label, at + 1)) {
    double x = 0, y = 0;
    REQUIRE(std::sscanf(picture.c_str() + at + label.size(), "x=\"%lf\" y=\"%lf\"", &x, &y) == 2);
    const auto words = picture.find('>', at) + 1;
    const double half = 3.2 * static_cast<double>(picture.find('<', words) - words);
    const report::detail::Box box{x - half, y - 9, x + half, y + 2};
    CHECK(box.left >= 46);
    CHECK(box.right <= 748);
    for (const auto& other : boxes) CHECK_FALSE(box.meets(other));
    boxes.push_back(box);
  }
  CHECK(boxes.size() >= 4);
}

TEST_CASE("a user's name of a method is text, not markup") {
  auto row = sample::neutral(1, 1, 0.1, 2);
  row.label = "<script>alert(\"1\")</script> & 'x'\x01\xff";
  row.settings["gate"] = "</style>";
  auto results = only({row, row});
  results.rows[1].settings["gate"] = "\"onload=";
  results.config["<b>"] = "<i>";
  results.text_sha256["<u>"] = std::string(64, '1');
  const auto html = report::report(results);
  check_page(html);
  CHECK(html.find("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;\\x01\\xff") != html.npos);
  CHECK(html.find("&lt;i&gt;") != html.npos);
}

TEST_CASE("a report of little or of odd results is still a report") {
  const auto empty = report::report(only({}));
  check_page(empty);
  CHECK(empty.find("No runs yet") != empty.npos);
  const auto one = report::report(only({sample::row("lora", 1e-3, 1, 0.1, 2)}));
  check_page(one);
  CHECK(one.find("No method here has a gate that closes to exactly zero") != one.npos);
  check_page(
      report::report(only({sample::neutral(1, 1, 0, 0), sample::neutral(1, 2, 0, 0), sample::neutral(2, 1, 0, 0)})));
  check_page(report::report(only({sample::row("a", 1, 1, -3e6, 1e9), sample::row("b", 1, 1, 2e-12, -1e-12)})));
  auto ragged = sample::neutral(1, 2, 0.1, 2);
  ragged.gate_open_by_layer = {{}, {0.5}};
  ragged.residue_ratio_by_layer = {{0.0}, {0.0}};
  check_page(report::report(only({ragged})));
  check_page(report::report(only({sample::neutral(1, 1, 0.1, 2), ragged})));  // different numbers of layers: no panel
  ragged.target.after = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(report::report(only({ragged})), Error);
}

TEST_CASE("a crowd beside a few runs that forget far more gets a picture of its own") {
  std::vector<study::RunResult> rows;
  for (int i = 1; i <= 6; ++i) rows.push_back(sample::row("crowd", i, 1, 0.01 * i, 2 + 0.1 * i));
  CHECK_FALSE(report::closer_view(study::summarise(only(rows))));
  rows.push_back(sample::row("far", 1, 1, 3, 3));
  const auto lines = study::summarise(only(rows));
  REQUIRE(report::closer_view(lines));
  CHECK(*report::closer_view(lines) == Approx(0.12));
  const auto html = report::report(only(rows));
  check_page(html);
  CHECK(count(html, "<title>crowd, rate 6e0") == 4);
  CHECK(count(html, "<title>far, rate 1e0") == 2);
}

TEST_CASE("the report is written whole") {
  char folder[] = "/tmp/neutra_report_XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const auto path = std::filesystem::path(folder) / "report.html";
  report::write_report(folder, sample::results());
  CHECK(io::read_file(path, 1 << 24) == report::report(sample::results()));
  const std::string svg = io::read_file(std::filesystem::path(folder) / "learning.svg", 1 << 24);
  CHECK(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  CHECK(unbalanced(svg) == "");
  CHECK(count(svg, "<title>") == sample::results().rows.size());  // one point per run
  CHECK(svg.find("--page") != svg.npos);                          // with its colours
  std::filesystem::remove_all(folder);
}

TEST_CASE("the picture alone names every line, however crowded its points are") {
  auto results = sample::results();
  for (int i = 0; i < 9; ++i) {
    results.rows.push_back(sample::neutral(0.002, 1, 0.06, 3.0));
    results.rows.back().settings["gate"] = concat("gate", i);
  }
  const std::string picture = report::learning_svg(results);
  for (const auto& line : study::summarise(results))
    CHECK(picture.find('>' + line.label + "</text>") != std::string::npos);
}

TEST_CASE("the report says of its validation text what was found out, and no more") {
  auto results = sample::results();
  const auto says = [&](const char* text) { return report::report(results).find(text) != std::string::npos; };
  CHECK(says("both on validation text.</p>"));
  CHECK_FALSE(says("no method was trained on"));
  results.config["evaluation_overlap"] = {{"original", {{"lines", 340}, {"in_training", 0}}},
                                          {"target", {{"lines", 500}, {"in_training", 0}}}};
  CHECK(says("both on validation text, of which no line of at least 50 characters is in the training text.</p>"));
  CHECK(report::table(results).find("also in the training text") == std::string::npos);
  results.config["evaluation_overlap"]["target"]["in_training"] = 125;
  CHECK(says("that are also in the training text: original 0 of 340 (0 %), target 125 of 500 (25 %).</p>"));
  CHECK(report::table(results).find("also in the training text: original 0 of 340 (0 %), target 125 of 500 (25 %).") !=
        std::string::npos);
  results.config["evaluation_overlap"] = {{"original", {{"lines", 340}, {"in_training", 0}}},
                                          {"target", {{"lines", 0}, {"in_training", 0}}}};
  CHECK(says("that are also in the training text: original 0 of 340 (0 %), target has none to compare.</p>"));
  results.config["evaluation_overlap"] = {{"original", {{"lines", 340}, {"in_training", 0}}}};
  CHECK(says("that are also in the training text: original 0 of 340 (0 %).</p>"));
  results.config["evaluation_overlap"]["target"] = {{"lines", 5}, {"in_training", 0}, {"shorter", true}};
  CHECK(says(
      "that are also in the training text: original 0 of 340 (0 %), target 0 of 5 (0 %, all of them shorter).</p>"));
  results.config["evaluation_overlap"] = {{"target", {{"lines", 0}, {"in_training", 0}}}};  // no lines to compare
  CHECK(says("both on validation text.</p>"));
}

TEST_CASE("a report of many lines takes time in proportion to their number") {
  std::vector<study::RunResult> rows;
  for (int i = 0; i < 20000; ++i)
    rows.push_back(sample::row(concat("method", i), 1e-3, 1, 0.1 + 1e-5 * i, 2 + 1e-5 * i));
  study::Results results = sample::results();
  results.rows = rows;
  CHECK(report::report(results).find("method19999") != std::string::npos);
}

TEST_CASE("the page lists the runs that have no row, escaped") {
  auto results = sample::with_failures();
  const std::string item =
      "<li>finetune, rate 5e-1, seed 1: diverged at step 3, gradient largest in layers.0.&lt;q&gt; (2.5e+20)</li>";
  for (const bool rows : {true, false}) {
    if (!rows) results.rows.clear();
    const std::string html = report::report(results);
    check_page(html);
    CHECK(html.find("Runs without a result") != html.npos);
    CHECK(html.find(item) != html.npos);
  }
}

TEST_CASE("a report shows what parts of an adapter learn and forget, where the results have them") {
  auto results = sample::results();
  CHECK(report::report(results).find("Parts of an adapter") == std::string::npos);
  for (auto& row : results.rows)
    if (row.label == "neutral")
      row.attenuated = {{{.scale = 0.0, .after = {2.0, 5.0}},
                         {.scale = 0.5, .after = {2.125, 4.5}},
                         {.threshold = 0.25, .after = {2.0, 4.0}}}};
  const auto html = report::report(results);
  check_page(html);
  CHECK(html.find("<td class=\"name\">neutral</td><td>0.5</td><td>0</td><td>0.125</td><td>0.500</td>") != html.npos);
  CHECK(html.find("<td class=\"name\">neutral</td><td>1</td><td>0.25</td><td>0.000</td><td>1.000</td>") != html.npos);
  CHECK(count(report::learning_picture(study::summarise(results), 760, 440, "wide"), "<polyline class=\"part") == 2);
  CHECK(report::markdown(results).find("| neutral | 0.5 | 0 | ") != std::string::npos);
}
