// The rules by which a rate and an alpha are selected, on made-up scores.
#include "neutra/study/choice.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

using namespace neutra;
using study::Scores;

namespace {

/// A backbone of 2 and 5 bits per byte, extended.
Scores scores(double forgetting, double learning) { return {{2.0, 2.0 + forgetting}, {5.0, 5.0 - learning}}; }

}  // namespace

TEST_CASE("choice: the rate with the lowest target bits per byte, whatever it forgets") {
  CHECK(study::choose_rate({scores(0.1, 1.0), scores(9.0, 1.5), scores(0.0, 1.4)}) == 1);
  CHECK(study::choose_rate({scores(0.1, 1.0)}) == 0);
  CHECK(study::choose_rate({scores(0.5, 1.0), scores(0.1, 1.0)}) == 0);  // of equal ones the first
  CHECK(study::choose_rate({scores(0.5, -1.0), scores(0.1, -0.5)}) == 1);
  CHECK(scratch::says([] { study::choose_rate({}); }, "at least one"));
}

TEST_CASE("choice: the alpha that forgets least among those that learn within 1 % of the vanilla adapter") {
  const double vanilla = 2.0;
  CHECK(study::choose_alpha({scores(0.1, 1.9), scores(0.9, 2.5), scores(0.2, 2.0)}, std::nullopt) == 1);  // no baseline
  CHECK(study::choose_alpha({scores(0.5, 2.1), scores(0.3, 1.99), scores(0.1, 1.97)}, vanilla) ==
        1);  // 1.97 is below 1.98
  CHECK(study::choose_alpha({scores(0.5, 2.1), scores(0.3, 1.99), scores(0.1, 1.981)}, vanilla) == 2);  // 1.981 is not
  CHECK(study::choose_alpha({scores(0.3, 3.0), scores(0.3, 2.0)}, vanilla) == 0);  // of equal ones the first
  CHECK(study::choose_alpha({scores(0.2, 2.0), scores(-0.1, 2.5), scores(0.0, 2.2)}, vanilla) ==
        1);  // forgetting may be negative
}

TEST_CASE("choice: if no alpha learns as much as the vanilla adapter, the one that learns most") {
  CHECK(study::choose_alpha({scores(0.1, 1.0), scores(0.9, 1.5), scores(0.0, 1.2)}, 2.0) == 1);
  CHECK(study::choose_alpha({scores(0.1, -0.3), scores(0.9, -0.1)}, 1.0) == 1);
}

TEST_CASE("choice: a vanilla adapter that learns less than nothing is still matched within 1 %") {
  CHECK(study::choose_alpha({scores(0.5, -1.0), scores(0.1, -1.005), scores(0.0, -1.1)}, -1.0) == 1);
  CHECK(scratch::says([] { study::choose_alpha({}, 1.0); }, "at least one"));
}
