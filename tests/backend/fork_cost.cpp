#include "neutra/backend/cpu/threads.hpp"

#include "tests/catch.hpp"

#include <thread>

using namespace neutra;

namespace {

constexpr double start = 0;

/// Enables ForkCost, which the test program disables (see tests/main.cpp).
struct Judging {
  Judging() { cpu::ForkCost::enabled = true; }
  ~Judging() { cpu::ForkCost::enabled = false; }
};

void add_shared(cpu::ForkCost& cost) { cost.add(1e-3, 1900e-6, start); }
void add_stalled(cpu::ForkCost& cost, double now = start) { cost.add(4100e-6, 400e-6, now); }

}  // namespace

TEST_CASE("fork cost: regions that take less than one thread would go on forking") {
  const Judging on;
  cpu::ForkCost cost;
  for (int i = 0; i < 1000; ++i) add_shared(cost);
  CHECK(cost.pays(start));
}

TEST_CASE("fork cost: one stall is an interruption, two are a busy machine") {
  const Judging on;
  cpu::ForkCost cost;
  add_stalled(cost);
  CHECK(cost.pays(start));
  for (int i = 0; i < 10; ++i) add_shared(cost);
  add_stalled(cost);
  CHECK(cost.pays(start));
  for (int i = 0; i < 2; ++i) add_stalled(cost);
  CHECK_FALSE(cost.pays(start));
}

TEST_CASE("fork cost: a few regions that pay do not make up for the stalls around them") {
  const Judging on;
  cpu::ForkCost cost;
  for (int i = 0; i < 3; ++i) {
    add_stalled(cost);
    add_shared(cost);
  }
  CHECK_FALSE(cost.pays(start));
}

TEST_CASE("fork cost: rests grow while attempts stall, and end when what was lost is saved again") {
  const Judging on;
  cpu::ForkCost cost;
  double now = start;
  add_stalled(cost, now);
  for (const auto rest : {50e-3, 200e-3, 800e-3, 800e-3}) {
    add_stalled(cost, now);
    CHECK_FALSE(cost.pays(now + rest - 1e-3));
    CHECK(cost.pays(now += rest));
  }
  for (int i = 0; i < 10; ++i) cost.add(1e-3, 1900e-6, now);
  for (int i = 0; i < 2; ++i) {
    add_stalled(cost, now);
    CHECK(cost.pays(now));
  }
  add_stalled(cost, now);
  CHECK_FALSE(cost.pays(now + 49e-3));
  CHECK(cost.pays(now + 50e-3));
}

TEST_CASE("fork cost: short interruptions of loops that pay do not begin a rest, nor prolong one") {
  const Judging on;
  cpu::ForkCost cost;
  const auto interrupted_often = [&](double now) {
    for (int i = 0; i < 200; ++i) {
      cost.add(1500e-6, 1e-3, now);
      add_shared(cost);
    }
  };
  interrupted_often(start);
  CHECK(cost.pays(start));
  for (int i = 0; i < 3; ++i) add_stalled(cost);
  CHECK_FALSE(cost.pays(start));
  interrupted_often(start + 50e-3);
  CHECK(cost.pays(start + 50e-3));
}

TEST_CASE("fork cost: the cost of forking short loops is not a stall") {
  const Judging on;
  cpu::ForkCost cost;
  for (int i = 0; i < 100000; ++i) cost.add(20e-6, 5e-6, start);
  CHECK(cost.pays(start));
}

TEST_CASE("fork cost: the time of one thread is estimated from the fastest part") {
  cpu::ForkCost::Region region(30);
  region.add(2e-3);  // interrupted
  CHECK(region.alone() == Approx(60e-3));
  region.add(1e-4);
  CHECK(region.alone() == Approx(3e-3));
  region.add(5e-3);
  CHECK(region.alone() == Approx(3e-3));
  { const cpu::ForkCost::Region::Part too_late(region); }
  CHECK(region.alone() == Approx(3e-3));
}

TEST_CASE("fork cost: loops take one thread while the thread that forks them rests") {
  const Judging on;
  const int before = omp_get_max_threads();
  int first = 0, resting = 0, off = 0;
  std::thread([&] {  // a new thread starts without history, and leaves none to other tests
    omp_set_num_threads(2);
    first = cpu::threads_for(1000, 10);
    const auto later = omp_get_wtime() + 3600;
    for (int i = 0; i < 2; ++i) add_stalled(cpu::ForkCost::of_this_thread(), later);
    resting = cpu::threads_for(1000, 10);
    cpu::ForkCost::enabled = false;
    off = cpu::threads_for(1000, 10);
  })
      .join();
  CHECK(first == 2);
  CHECK(resting == 1);
  CHECK(off == 2);
  CHECK(omp_get_max_threads() == before);
}

TEST_CASE("fork cost: switched off, loops always fork, also while they rested") {
  cpu::ForkCost cost;
  for (int i = 0; i < 10; ++i) add_stalled(cost);
  CHECK(cost.pays(start));
  const Judging on;
  CHECK_FALSE(cost.pays(start));
}
