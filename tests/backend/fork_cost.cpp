#include "neutra/backend/cpu/threads.hpp"

#include "tests/catch.hpp"

using namespace neutra;
using namespace std::chrono_literals;

namespace {

const cpu::ForkCost::Clock::time_point start{};
constexpr auto region = 2ms, shared_out = 4ms, waited_for = 1ms;  // the work of two threads, and of threads that waited

}  // namespace

TEST_CASE("fork cost: regions that take less than their work go on forking") {
  cpu::ForkCost cost;
  for (int i = 0; i < 100; ++i) cost.add(region, shared_out, start);
  CHECK(cost.pays(start));
}

TEST_CASE("fork cost: one slow region is an interruption, two are a busy machine") {
  cpu::ForkCost cost;
  cost.add(region, waited_for, start);
  CHECK(cost.pays(start));
  cost.add(region, shared_out, start);
  cost.add(region, waited_for, start);
  CHECK(cost.pays(start));
  cost.add(region, waited_for, start);
  CHECK_FALSE(cost.pays(start));
}

TEST_CASE("fork cost: rests grow while forks are slow, and end with the first that pays") {
  cpu::ForkCost cost;
  auto now = start;
  cost.add(region, waited_for, now);
  for (const auto rest : {50ms, 200ms, 800ms, 800ms}) {
    cost.add(region, waited_for, now);
    CHECK_FALSE(cost.pays(now + rest - 1ms));
    CHECK(cost.pays(now += rest));
  }
  cost.add(region, shared_out, now);
  cost.add(region, waited_for, now);
  CHECK(cost.pays(now));
}

TEST_CASE("fork cost: short regions are judged together") {
  cpu::ForkCost cost;
  for (int i = 0; i < 1000; ++i) {
    cost.add(10us, 16us, start);
    if (i % 100 == 0) cost.add(100us, 10us, start);  // some are waited for
  }
  CHECK(cost.pays(start));
  for (int i = 0; i < 1000; ++i) cost.add(10us, 10us, start);
  CHECK_FALSE(cost.pays(start));
}

TEST_CASE("fork cost: a region counts the work of all its threads") {
  cpu::ForkCost::Clock::duration work{};
  {
    cpu::ForkCost::Region timed;
    for (int thread = 0; thread < 2; ++thread) {
      const auto before = cpu::ForkCost::Clock::now();
      const cpu::ForkCost::Region::Part part(timed);
      while (cpu::ForkCost::Clock::now() - before < 1ms) continue;
    }
    work = timed.work();
  }
  CHECK(work >= 2ms);
}

TEST_CASE("fork cost: switched off, loops always fork") {
  cpu::ForkCost::enabled = false;
  cpu::ForkCost cost;
  for (int i = 0; i < 10; ++i) cost.add(region, waited_for, start);
  CHECK(cost.pays(start));
  cpu::ForkCost::enabled = true;
}
