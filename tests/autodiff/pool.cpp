// Which blocks the pool holds, and which it frees.
#include "neutra/autodiff/tape.hpp"
#include "neutra/backend/cpu/cpu.hpp"

#include "tests/catch.hpp"

using namespace neutra;

namespace {

using Memory = Pool<Cpu>;

/// One step over `length` tokens: values of three widths.
void step(Tape<float, Cpu>& tape, Index length) {
  tape.start(false);
  for (const Index width : {1, 48, 130}) tape.make({length, width});
}

}  // namespace

TEST_CASE("pool: a size class holds the requested size, wastes at most an eighth, and is its own size class") {
  for (std::size_t bytes = 0; bytes < 100000; bytes += 7) {
    const std::size_t size = Memory::size_class(bytes);
    if (size < bytes || size > std::max<std::size_t>(bytes + bytes / 8 + 64, 64) || size % 64 != 0 ||
        Memory::size_class(size) != size)
      FAIL("a block of " << bytes << " bytes is made as " << size);
  }
  CHECK(Memory::size_class(0) == 64);
  CHECK(Memory::size_class(1025) == 1152);
  CHECK(Memory::size_class((std::size_t{1} << 40) + 1) == (std::size_t{9} << 37));
}

TEST_CASE("pool: a text that grows by a token a step holds less than three times the memory of the last step") {
  Tape<float, Cpu> growing, alone;
  for (Index length = 1; length <= 200; ++length) step(growing, length);
  step(alone, 200);
  CHECK(growing.memory_held() < 3 * alone.memory_held());
}

TEST_CASE("pool: alternating shapes reuse their blocks") {
  Tape<float, Cpu> tape;
  std::size_t held = 0;
  for (int turn = 0; turn < 30; ++turn) {
    for (const Index length : {200, 7, 130}) step(tape, length);
    if (turn == 0) held = tape.memory_held();
    CHECK(tape.memory_held() == held);
  }
}

TEST_CASE("pool: blocks unused for long are freed when another size is allocated, and not before") {
  Memory pool;
  void* large = pool.acquire(1 << 20);
  void* used = pool.acquire(1 << 16);
  pool.release(large, 1 << 20);
  for (int step = 0; step < 20; ++step) pool.next_step();
  CHECK(pool.total() == (1 << 20) + (1 << 16));
  void* small = pool.acquire(1 << 10);
  CHECK(pool.total() == (1 << 16) + (1 << 10));
  pool.release(used, 1 << 16);
  CHECK(pool.acquire(1 << 16) == used);
  pool.release(small, 1 << 10);
}
