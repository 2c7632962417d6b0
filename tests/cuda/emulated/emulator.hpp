// A CUDA device that is none: device code runs on the CPU, block by block. It defines what neutra/backend/cuda expects
// of nvcc (device_code.hpp) and of a driver (driver.hpp), and is included before the backend. Whatever CUDA leaves
// undefined is an Error that names kernel, block and thread: a barrier that some threads do not come to, a lane that a
// mask names and that does not come, a shared array accessed out of bounds, before it is written, or in a race. Device
// memory is watched by the address sanitizer. One host thread may use it.
#pragma once

#define NEUTRA_EMULATED_DEVICE 1

#include "neutra/backend/cuda/tasks.hpp"

#include "tests/cuda/emulated/block.hpp"
#include "tests/cuda/emulated/memory.hpp"

#include <cstdio>
#include <deque>
#include <functional>
#include <new>
#include <source_location>
#include <string>
#include <type_traits>

/// The key is an address of its own in every function, and in every instance of a template.
#define NEUTRA_SHARED(type, name, count) \
  static char name##_key = 0;            \
  const auto name = ::neutra::gpu::emulated::Block::current()->shared<type>(&name##_key, #name, count)

namespace neutra { inline namespace NEUTRA_ABI { namespace gpu {
namespace emulated {

using Where = std::source_location;

inline Order& order() {
  static Order now;
  return now;
}
/// While it exists, threads of a block and blocks run in a random order.
struct RandomOrder {
  explicit RandomOrder(std::uint64_t seed) { order().random.emplace(seed); }
  RandomOrder(const RandomOrder&) = delete;
  RandomOrder& operator=(const RandomOrder&) = delete;
  ~RandomOrder() { order().random.reset(); }
};

/// One block, whose stacks every launch uses again.
inline Block& any_block() {
  static auto* const block = new Block;
  return *block;
}

/// Launches since the program began, for tests of how many there are.
inline Index& launches() {
  static Index count = 0;
  return count;
}

}  // namespace emulated

// ---- device code

inline int thread() { return static_cast<int>(emulated::Block::current()->thread().number); }
inline int threads() { return static_cast<int>(emulated::Block::current()->threads()); }
inline int block() { return static_cast<int>(emulated::Block::current()->number()); }
inline int blocks() { return static_cast<int>(emulated::Block::current()->blocks()); }

inline void barrier(emulated::Where where = emulated::Where::current()) {
  emulated::Block::current()->wait(emulated::Wait::barrier, emulated::every_lane, where);
}
inline void warp_barrier(std::uint32_t mask = emulated::every_lane,
                         emulated::Where where = emulated::Where::current()) {
  emulated::Block::current()->wait(emulated::Wait::warp_barrier, mask, where);
}
template <class T>
T shuffle(T x, int lane, std::uint32_t mask = emulated::every_lane,
          emulated::Where where = emulated::Where::current()) {
  return emulated::Block::current()->exchange(emulated::Wait::shuffle, mask, x, static_cast<unsigned>(lane) % 32,
                                              where);
}
template <class T>
T shuffle_xor(T x, int lanes, std::uint32_t mask = emulated::every_lane,
              emulated::Where where = emulated::Where::current()) {
  auto& block = *emulated::Block::current();
  return block.exchange(emulated::Wait::shuffle_xor, mask, x,
                        (block.thread().lane() ^ static_cast<unsigned>(lanes)) % 32, where);
}
template <class T>
T shuffle_up(T x, int distance, std::uint32_t mask = emulated::every_lane,
             emulated::Where where = emulated::Where::current()) {
  auto& block = *emulated::Block::current();
  const unsigned lane = block.thread().lane(), down = static_cast<unsigned>(distance);
  return block.exchange(emulated::Wait::shuffle_up, mask, x, lane < down ? lane : lane - down, where);
}
inline std::uint32_t ballot(bool predicate, std::uint32_t mask = emulated::every_lane,
                            emulated::Where where = emulated::Where::current()) {
  auto& thread = emulated::Block::current()->thread();
  thread.give(std::uint32_t{predicate});
  emulated::Block::current()->wait(emulated::Wait::ballot, mask, where);
  return thread.take<std::uint32_t>();
}
inline void mma_bf16(float (&sums)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                     emulated::Where where = emulated::Where::current()) {
  auto& thread = emulated::Block::current()->thread();
  emulated::Fragments lane;
  std::copy_n(a, 4, lane.a);
  std::copy_n(b, 2, lane.b);
  std::copy_n(sums, 4, lane.c);
  thread.give(lane);
  emulated::Block::current()->wait(emulated::Wait::matrices, emulated::every_lane, where);
  const auto result = thread.take<std::array<float, 4>>();
  std::copy_n(result.begin(), 4, sums);
}

// ---- the driver

namespace emulated {
/// Uploads from pinned memory: the device makes them as late as it may.
struct Uploads {
  std::deque<std::function<void()>> awaited;
  Index made = 0;

  static Uploads& instance() {  // never destroyed, as the memory
    static auto* const all = new Uploads;
    return *all;
  }
  Index asked() const { return made + static_cast<Index>(awaited.size()); }
  /// Makes the first `count` of all that were asked for.
  void make(Index count) {
    if (made >= count) return;
    const Memory::Opened open;
    for (; made < count; ++made, awaited.pop_front()) awaited.front()();
  }
};
/// Before anything else is done on the device.
inline void settle() { Uploads::instance().make(Uploads::instance().asked()); }
}  // namespace emulated

inline void* allocate(std::size_t bytes) { return emulated::Memory::instance().allocate(bytes); }
inline void release(void* memory, std::size_t /*bytes*/) noexcept {
  emulated::settle();
  emulated::Memory::instance().release(memory);
}
inline void copy(const void* from, void* to, std::size_t bytes) {
  emulated::settle();
  emulated::Memory::instance().check(from, bytes, "a copy");
  emulated::Memory::instance().check(to, bytes, "a copy");
  const emulated::Memory::Opened open;
  if (bytes > 0) std::memmove(to, from, bytes);
}
inline void upload(const void* from, void* to, std::size_t bytes) {
  emulated::settle();
  emulated::Memory::instance().check(to, bytes, "an upload");
  const emulated::Memory::Opened open;
  if (bytes > 0) std::memcpy(to, from, bytes);
}
inline void download(const void* from, void* to, std::size_t bytes) {
  emulated::settle();
  emulated::Memory::instance().check(from, bytes, "a download");
  const emulated::Memory::Opened open;
  if (bytes > 0) std::memcpy(to, from, bytes);
}
inline void* pinned(std::size_t bytes) { return ::operator new(bytes); }
inline void upload_pinned(const void* from, void* to, std::size_t bytes) {
  emulated::Memory::instance().check(to, bytes, "an upload");
  emulated::Uploads::instance().awaited.push_back([=] { std::memcpy(to, from, bytes); });
}
struct Mark {
  Index uploads = 0;
};
inline void mark(Mark& at) { at.uploads = emulated::Uploads::instance().asked(); }
inline void wait(const Mark& at) { emulated::Uploads::instance().make(at.uploads); }
inline void synchronise() {}

/// The emulated device, whose number is 0.
struct Device {
  static void choose(int number) {
    require(number == 0, "cuda: there is no device ", number, "; the emulated one has the number 0");
  }
};

namespace emulated {
/// Error: more threads than the kernel, or a block, may have; what a thread did that CUDA leaves undefined.
inline void launch(std::string_view kernel, int most_threads, const Grid& grid, const Code& code) {
  constexpr int most_of_a_block = 1024;
  require(grid.threads >= 1 && grid.threads <= most_threads && most_threads <= most_of_a_block, "kernel ", kernel,
          ": launched with ", grid.threads, " threads a block; it may have 1 to ", most_threads,
          ", and no block more than ", most_of_a_block);
  require(grid.blocks >= 0 && grid.blocks <= 0x7fffffff, "kernel ", kernel, ": launched with ", grid.blocks, " blocks");
  ++launches();
  settle();
  const Memory::Opened open;
  any_block().launch(kernel, static_cast<unsigned>(grid.blocks), static_cast<unsigned>(grid.threads), code, order());
  Memory::instance().check_ends(kernel);
}
}  // namespace emulated

template <class K> void launch(const Grid& grid, const K& kernel) {
  static_assert(std::is_trivially_copyable_v<K>, "neutra: a kernel goes to the device by its bytes");
  static_assert(sizeof(K) <= most_kernel_bytes, "neutra: a kernel holds more bytes than a launch may pass");
  emulated::launch(K::name, K::most_threads, grid,
                   {&kernel, [](const void* copied) { (*static_cast<const K*>(copied))(); }});
}

/// As much as the array, which the scan overwrites.
inline std::size_t scan_bytes(Index count) { return static_cast<std::size_t>(count) * sizeof(std::int32_t); }
inline void scan(const std::int32_t* from, std::int32_t* to, Index count, void* memory) {
  for (const void* used :
       {static_cast<const void*>(from), static_cast<const void*>(to), static_cast<const void*>(memory)})
    emulated::Memory::instance().check(used, scan_bytes(count), "a scan");
  emulated::settle();
  const emulated::Memory::Opened open;
  std::memset(memory, 0xff, scan_bytes(count));
  std::int32_t sum = 0;
  for (Index n = 0; n < count; ++n) to[n] = sum += from[n];
}

/// The CPU's product; in matmul.cpp, because it takes long to compile.
void matmul(const MatmulTask& task);

}}}  // namespace neutra::NEUTRA_ABI::gpu

#if defined(NEUTRA_ADDRESS_SANITIZER)
/// Called by the sanitizer before it reports: says which thread of which kernel ran.
extern "C" [[gnu::used]] inline void __asan_on_error() {
  const auto* block = neutra::gpu::emulated::Block::current();
  if (block)
    std::fprintf(stderr, "neutra: out of bounds: %s\n", block->name_of_running().c_str());
  else
    std::fprintf(stderr, "neutra: out of bounds, or device memory touched by the host: no kernel runs\n");
}
#endif
