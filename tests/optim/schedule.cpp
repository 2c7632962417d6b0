#include "neutra/optim/schedule.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

using namespace neutra;
using optim::Schedule;

TEST_CASE("schedule: up in a line, down half a cosine, to the floor at the end") {
  const Schedule s{.rate = 2, .steps = 110, .warmup = 10, .floor = 0.25};
  CHECK(s(0) == Approx(0.2));
  CHECK(s(4) == Approx(1.0));
  CHECK(s(9) == 2);
  CHECK(s(10) == 2);
  CHECK(s(60) == Approx(2 * (0.25 + 0.75 * 0.5)));
  CHECK(s(35) == Approx(2 * (0.25 + 0.75 * 0.5 * (1 + std::sqrt(0.5)))));
  CHECK(s(110) == Approx(0.5));
  CHECK(s(109) > s(110));
  for (Index t = 10; t < 110; ++t) CHECK(s(t + 1) < s(t));
}

TEST_CASE(
    "schedule: without a warm-up the first step has the full rate, a run of warm-up alone ends at it, a floor of 1 is "
    "constant") {
  CHECK(Schedule{.rate = 3, .steps = 5}(0) == 3);
  CHECK(Schedule{.rate = 3, .steps = 1, .floor = 0}(0) == 3);
  CHECK(Schedule{.rate = 3, .steps = 4, .warmup = 4}(3) == 3);
  CHECK(Schedule{.rate = 3, .steps = 4, .warmup = 4, .floor = 0.5}(4) == Approx(1.5));
  const Schedule constant{.rate = 3, .steps = 9, .floor = 1};
  for (Index t = 0; t < 9; ++t) CHECK(constant(t) == 3);
  CHECK(Schedule{.rate = 3, .steps = 8, .floor = 0}(8) == Approx(0).margin(1e-15));
}

TEST_CASE("schedule: invalid options are an Error") {
  const auto said = [](const Schedule& s) { return message([&] { s.check(); }); };
  CHECK(said({.rate = 1e-3, .steps = 1}) == "");
  CHECK(said({.rate = 1e-3, .steps = 5, .warmup = 5, .floor = 0}) == "");
  CHECK(said({.rate = 0, .steps = 1}) == "schedule: the learning rate must be positive and finite, got 0");
  CHECK(said({.rate = std::nan(""), .steps = 1}) == "schedule: the learning rate must be positive and finite, got nan");
  CHECK(said({.rate = 1, .steps = 0}) == "schedule: steps must be positive, got 0");
  CHECK(said({.rate = 1, .steps = 5, .warmup = 6}) ==
        "schedule: the warm-up must lie between 0 and the 5 steps of the run, got 6");
  CHECK(said({.rate = 1, .steps = 5, .warmup = -1}) ==
        "schedule: the warm-up must lie between 0 and the 5 steps of the run, got -1");
  CHECK(said({.rate = 1, .steps = 5, .floor = 1.5}) ==
        "schedule: the floor is a fraction of the rate, between 0 and 1, got 1.5");
  CHECK(said({.rate = 1, .steps = 5, .floor = -0.1}) ==
        "schedule: the floor is a fraction of the rate, between 0 and 1, got -0.1");
}
