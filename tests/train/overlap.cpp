// Overlap of evaluation and training text.
#include "neutra/train/overlap.hpp"

#include "tests/catch.hpp"

using namespace neutra;

namespace {

/// A line of that many characters, different for each number.
std::string line(int number, std::size_t characters = 60) {
  std::string text = "line " + std::to_string(number) + ' ';
  return text + std::string(characters - text.size(), 'x');
}

}  // namespace

TEST_CASE("overlap: evaluation lines of 50 and more characters that either domain trains on are counted") {
  const std::string train = line(1) + "\n" + line(2) + "\n", other = line(3) + "\n" + line(4) + "\n";
  const std::string original = line(1) + "\n" + line(1) + "\n" + line(3) + "\n" + line(9) + "\n",
                    target = line(10) + "\n" + line(4);
  const auto overlaps = train::measure_overlap({{"original", original}, {"target", target}}, {train, other});
  CHECK(overlaps.at("original").lines == 4);
  CHECK(overlaps.at("original").in_training == 3);
  CHECK(overlaps.at("target").lines == 2);
  CHECK(overlaps.at("target").in_training == 1);
  CHECK(overlaps.at("target").share() == 0.5);
}

TEST_CASE(
    "overlap: characters are counted, not bytes, and line ends and white space around a line make no difference") {
  const auto of = [](const std::string& evaluation, const std::string& training) {
    return train::measure_overlap({{"target", evaluation}}, {training}).at("target");
  };
  std::string accents;
  for (int i = 0; i < 49; ++i) accents += "\u00e9";
  const std::string longer = "\n" + line(0);
  CHECK(of(accents + longer, accents).in_training == 0);
  CHECK(of(accents + "e", accents + "e").in_training == 1);
  CHECK(of(line(1, 49) + longer, line(1, 49)).lines == 1);
  CHECK(of(line(1, 50), line(1, 50)).in_training == 1);
  CHECK(of(line(1) + "\r\n" + line(2) + "\r\n", "  " + line(1) + "\t\n\n" + line(2)).in_training == 2);
  CHECK(of(line(1) + "\r" + line(2), line(1) + "\n").in_training == 1);
  CHECK(of(line(1), line(1) + " and more").in_training == 0);
  CHECK(of("", line(1)).lines == 0);
  CHECK(of("\n \n" + std::string(80, ' '), std::string(80, ' ')).lines == 0);
}

TEST_CASE(
    "overlap: where an evaluation text has no line of 50 characters all its lines are compared, for its domain alone") {
  const std::string verse = "Thank you.\n\n  a short line\nanother\n", prose = line(1) + "\nThank you.\n";
  const auto overlaps =
      train::measure_overlap({{"original", prose}, {"target", verse}}, {"Thank you.\na short line\n"});
  CHECK(overlaps.at("original").lines == 1);
  CHECK(overlaps.at("original").in_training == 0);
  CHECK_FALSE(overlaps.at("original").shorter);
  CHECK(overlaps.at("target").lines == 3);
  CHECK(overlaps.at("target").in_training == 2);
  CHECK(overlaps.at("target").shorter);
  CHECK(train::to_string(overlaps) == "original 0 of 1 (0 %), target 2 of 3 (67 %, all of them shorter)");
  CHECK(train::to_string({{"original", {340, 12}}, {"target", {}}}) ==
        "original 12 of 340 (4 %), target has none to compare");
}

TEST_CASE("overlap: stored in a config as numbers, and read back only from numbers") {
  const train::Overlaps overlaps = {{"original", {340, 12}}, {"target", {500, 0, true}}};
  const io::Json json = train::to_json(overlaps);
  CHECK(json == io::Json({{"original", {{"lines", 340}, {"in_training", 12}, {"shorter", false}}},
                          {"target", {{"lines", 500}, {"in_training", 0}, {"shorter", true}}}}));
  const auto back = train::overlaps_of({{"evaluation_overlap", json}});
  CHECK(train::to_json(back) == json);
  CHECK(train::to_string(back) == "original 12 of 340 (4 %), target 0 of 500 (0 %, all of them shorter)");
  // Older results have no such key.
  CHECK_FALSE(train::overlaps_of({{"evaluation_overlap", {{"target", {{"lines", 5}, {"in_training", 1}}}}}})
                  .at("target")
                  .shorter);
  CHECK(train::overlaps_of(io::Json::object()).empty());
  for (const char* wrong : {"1", "\"x\"", "[1]", "{\"<b>\": {\"lines\": 1, \"in_training\": 1}}", "{\"original\": 1}",
                            "{\"original\": {\"lines\": -1}}"})
    CHECK(train::overlaps_of({{"evaluation_overlap", io::Json::parse(wrong)}}).empty());
}

TEST_CASE("overlap: a remark where there is one, a warning where half of a domain was trained on") {
  CHECK(train::overlap_remark({{"original", {340, 0}}}).empty());
  CHECK(train::overlap_remark({}).empty());
  CHECK(
      train::overlap_remark({{"original", {340, 12}}}).starts_with("note: evaluation lines of at least 50 characters"));
  CHECK(train::overlap_remark({{"original", {340, 0}}, {"target", {10, 5}}}).starts_with("warning: "));
}
