// The Pareto front of lines: dominated lines, ties in one or both means, single lines.
#include "neutra/study/front.hpp"

#include "tests/catch.hpp"

#include <utility>

using namespace neutra;

namespace {

/// Which lines are on the front, as "+-+".      means: forgetting and learning of each
std::string front(const std::vector<std::pair<double, double>>& means) {
  std::vector<study::Line> lines(means.size());
  for (std::size_t i = 0; i < means.size(); ++i) {
    lines[i].forgetting.value = means[i].first;
    lines[i].learning.value = means[i].second;
  }
  study::mark_front(lines);
  std::string marks;
  for (const study::Line& line : lines) marks += line.on_front ? '+' : '-';
  return marks;
}

}  // namespace

TEST_CASE("the front holds the lines that no other line dominates") {
  CHECK(front({{0.4, 3.4}, {0.07, 3.0}, {0.22, 2.8}}) == "++-");
  CHECK(front({{-0.1, 1}, {0, 2}, {0.1, 3}}) == "+++");
  CHECK(front({{0, 3}, {0.1, 2}, {0.2, 1}}) == "+--");
}

TEST_CASE("lines of equal means are on the front together, and a tie in one mean alone is lost") {
  CHECK(front({{0.1, 2}, {0.1, 2}, {0.1, 2}}) == "+++");
  CHECK(front({{0.1, 2}, {0.1, 3}}) == "-+");  // forget alike
  CHECK(front({{0.1, 2}, {0.2, 2}}) == "+-");  // learn alike
  CHECK(front({{0.2, 2}, {0.1, 1}, {0.2, 2}, {0.3, 2}}) == "+++-");
  CHECK(front({{0.1, -2}, {0.0, -2}}) == "-+");
}

TEST_CASE("a single line, or none, is on no front") {
  CHECK(front({{0.1, 2}}) == "-");
  CHECK(front({}).empty());
}
