#include "neutra/backend/cpu/cpu.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

#include <atomic>

using namespace neutra;

namespace {

struct Bad {
  template <class Row> void operator()(Row, Index n) const { require(n != 60000, "row ", n, " is bad"); }
};

}  // namespace

TEST_CASE("threads: every task is done once, by one thread or several") {
  for (const int threads : {1, 2, 3, 70})  // more than there are ranges of tasks
    for (const Index count : {0, 1, 2, 7, 100}) {
      CAPTURE(threads, count);
      std::vector<int> ranges(static_cast<std::size_t>(count)), tasks(static_cast<std::size_t>(count));
      cpu::for_each<cpu::Schedule::ranges>(threads, count, [&](Index n) { ++ranges[static_cast<std::size_t>(n)]; });
      cpu::for_each<cpu::Schedule::tasks>(threads, count, [&](Index n) { ++tasks[static_cast<std::size_t>(n)]; });
      CHECK(ranges == std::vector<int>(static_cast<std::size_t>(count), 1));
      CHECK(tasks == ranges);
    }
}

TEST_CASE("threads: an Error in a loop reaches the caller, whichever thread met it, and the next loop is sound") {
  const auto fails_at = [](Index place) { return [place](Index n) { require(n != place, "row ", n, " is bad"); }; };
  for (const int threads : {1, 2})
    for (const Index place : {0, 99}) {
      CAPTURE(threads, place);
      CHECK(message([&] { cpu::for_each<cpu::Schedule::ranges>(threads, 100, fails_at(place)); }) ==
            concat("row ", place, " is bad"));
      CHECK(message([&] { cpu::for_each<cpu::Schedule::tasks>(threads, 100, fails_at(place)); }) ==
            concat("row ", place, " is bad"));
      std::atomic<int> done = 0;
      cpu::for_each<cpu::Schedule::ranges>(threads, 100, [&](Index) { ++done; });
      CHECK(done == 100);
    }
  // All throw, one is rethrown.
  CHECK(message([] { cpu::for_each<cpu::Schedule::tasks>(2, 100, [](Index n) { require(false, n); }); }).size() < 3);
}

TEST_CASE(
    "threads: scratch memory that cannot be had is an Error, in a loop too, and what is asked for next is there") {
  const Index beyond = Index{1} << 45;  // 128 TiB of float
  const auto ask = [](Index size) { return cpu::scratch<float, cpu::Scratch::column_sums>(size); };
  CHECK_THROWS_AS(ask(beyond), Error);
  CHECK_THROWS_AS(cpu::for_each<cpu::Schedule::ranges>(2, 4, [&](Index) { ask(beyond); }), Error);
  float* memory = ask(1000);
  REQUIRE(memory != nullptr);
  memory[999] = 1;
  CHECK(ask(10) == memory);
}

TEST_CASE("threads: a functor of the backend's loops may throw") {
  const int threads = omp_get_max_threads();
  omp_set_num_threads(2);
  CHECK(message([] { Cpu::rows<float>(100000, 1, Bad{}); }) == "row 60000 is bad");
  omp_set_num_threads(threads);
}
