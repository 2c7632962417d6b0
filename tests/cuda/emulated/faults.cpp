// Faults put into device code by hand: each is an Error that names kernel, block and thread, and none is in the kernels
// beside them that are right.
#include "tests/cuda/emulated/emulator.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <vector>

using namespace neutra;
using namespace neutra::gpu;

namespace {

const std::string fine;  // no message

std::string run(Grid grid, const auto& kernel) {
  return message([&] { launch(grid, kernel); });
}

/// Whether the text has these parts, in this order.
bool tells(const std::string& text, std::initializer_list<std::string_view> parts) {
  std::size_t at = 0;
  for (const auto part : parts) {
    at = text.find(part, at);
    if (at == std::string::npos) return false;
    at += part.size();
  }
  return true;
}

/// Device memory for a test.
template <class T> struct DeviceArray {
  Index count;
  T* data;
  explicit DeviceArray(std::vector<T> all)
      : count(static_cast<Index>(all.size())), data(static_cast<T*>(allocate(all.size() * sizeof(T)))) {
    upload(all.data(), data, all.size() * sizeof(T));
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { release(data, 0); }
  std::vector<T> read() const {
    std::vector<T> all(static_cast<std::size_t>(count));
    download(data, all.data(), all.size() * sizeof(T));
    return all;
  }
};

/// The sum of the block's threads by halves, with faults to choose.
enum class Fault { none, no_barrier, small_array, divergent, one_off, unwritten };
template <Fault fault> struct BlockSum {
  static constexpr const char* name = "block_sum";
  static constexpr int most_threads = 256;
  float* to;
  void operator()() const {
    NEUTRA_SHARED(float, parts, (fault == Fault::small_array ? 32 : 64));
    const int t = thread();
    if (fault != Fault::unwritten || t != 5) parts[t] = static_cast<float>(t);
    if (fault != Fault::no_barrier) barrier();
    for (int half = threads() / 2; half > 0; half /= 2) {
      if (t < half) parts[t] += parts[t + half + (fault == Fault::one_off ? 1 : 0)];
      if (fault != Fault::divergent || t < half) barrier();
    }
    if (t == 0) to[block()] = parts[0];
  }
};

/// The sum of a warp by shuffles.
template <Fault fault> struct WarpSum {
  static constexpr const char* name = "warp_sum";
  static constexpr int most_threads = 256;
  std::uint32_t mask;
  float* to;
  void operator()() const {
    float sum = static_cast<float>(thread());
    if (fault == Fault::divergent && thread() == 40) return;
    for (int lanes = 16; lanes > 0; lanes /= 2) sum += shuffle_xor(sum, lanes, mask);
    if (thread() % 32 == 0) to[thread() / 32] = sum;
  }
};

/// Lanes hand numbers to their neighbours through shared memory.
template <bool meets> struct Neighbours {
  static constexpr const char* name = "neighbours";
  static constexpr int most_threads = 64;
  int* to;
  void operator()() const {
    NEUTRA_SHARED(int, numbers, 64);
    const int t = thread();
    numbers[t] = t;
    if (meets) warp_barrier();
    const int next = numbers[t / 32 * 32 + (t + 1) % 32];
    if (meets) warp_barrier();
    numbers[t] = next;
    to[t] = numbers[t];
  }
};

/// Two ways at once: half of a warp at the block's barrier, the others at a vote.
struct TwoWays {
  static constexpr const char* name = "two_ways";
  static constexpr int most_threads = 32;
  void operator()() const {
    if (thread() < 16)
      barrier();
    else
      ballot(true);
  }
};

/// Every thread writes its number, from `first` on.
struct Writes {
  static constexpr const char* name = "writes";
  static constexpr int most_threads = 1024;
  int first;
  float* to;
  void operator()() const { to[block() * threads() + thread() + first] = static_cast<float>(thread()); }
};

/// All blocks write the same number: the last one stays.
struct Same {
  static constexpr const char* name = "same";
  static constexpr int most_threads = 32;
  float* to;
  void operator()() const {
    if (thread() == 0) to[0] = static_cast<float>(block());
  }
};

/// Two arrays that are too large together.
struct Large {
  static constexpr const char* name = "large";
  static constexpr int most_threads = 32;
  void operator()() const {
    NEUTRA_SHARED(double, first, 4000);
    NEUTRA_SHARED(double, second, 4000);
    first[thread()] = 1;
    second[thread()] = 2;
  }
};

/// c = a b of 16 x 16 and 16 x 8, the same numbers in every fragment by their place.
struct Matrices {
  static constexpr const char* name = "matrices";
  static constexpr int most_threads = 32;
  const float *a, *b;  // (16,16), (16,8)
  float* c;
  void operator()() const {
    const int group = thread() / 4, place = thread() % 4;
    const auto pair = [](float low, float high) {
      return std::uint32_t{bf16(low).bits} | std::uint32_t{bf16(high).bits} << 16;
    };
    std::uint32_t left[4], right[2];
    float sums[4] = {};
    for (int i = 0; i < 4; ++i) {
      const float* from = a + (group + i % 2 * 8) * 16 + place * 2 + i / 2 * 8;
      left[i] = pair(from[0], from[1]);
    }
    for (int i = 0; i < 2; ++i) {
      const float* from = b + (place * 2 + i * 8) * 8 + group;
      right[i] = pair(from[0], from[8]);
    }
    mma_bf16(sums, left, right);
    for (int i = 0; i < 4; ++i) c[(group + i / 2 * 8) * 8 + place * 2 + i % 2] = sums[i];
  }
};

/// What a process of its own writes to its error stream before it ends, for what ends a process.
std::string last_words(const auto& f) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 2);
    std::string text;
    try {
      f();
    } catch (const Error& error) {
      text = error.what();
    }
    if (write(2, text.data(), text.size()) < 0) _exit(2);
    _exit(1);
  }
  close(ends[1]);
  std::string text;
  char part[4096];
  for (ssize_t n; (n = read(ends[0], part, sizeof part)) > 0;) text.append(part, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return text;
}

#if defined(NEUTRA_ADDRESS_SANITIZER)
constexpr bool watched = true;
#else
constexpr bool watched = false;
#endif

}  // namespace

TEST_CASE("emulated device: kernels without a fault give the right numbers, in every order of threads") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    std::optional<emulated::RandomOrder> random;
    if (seed > 0) random.emplace(seed);
    DeviceArray<float> sums({0, 0, 0});
    CHECK(run({3, 64}, BlockSum<Fault::none>{sums.data}) == fine);
    CHECK(sums.read() == std::vector<float>(3, 2016));
    CHECK(run({1, 96}, WarpSum<Fault::none>{emulated::every_lane, sums.data}) == fine);
    CHECK(sums.read() == std::vector<float>{496, 1520, 2544});
    DeviceArray<int> next(std::vector<int>(64));
    CHECK(run({1, 64}, Neighbours<true>{next.data}) == fine);
    std::vector<int> expected(64);
    for (int t = 0; t < 64; ++t) expected[static_cast<std::size_t>(t)] = t / 32 * 32 + (t + 1) % 32;
    CHECK(next.read() == expected);
  }
}

TEST_CASE("emulated device: a product of a warp is that of the matrices") {
  std::vector<float> a(256), b(128), c(128);
  for (std::size_t i = 0; i < 256; ++i) a[i] = static_cast<float>(i % 7) - 3;
  for (std::size_t i = 0; i < 128; ++i) b[i] = static_cast<float>(i % 5) - 2 + static_cast<float>(i % 3) / 4;
  for (std::size_t i = 0; i < 16; ++i)
    for (std::size_t k = 0; k < 16; ++k)
      for (std::size_t j = 0; j < 8; ++j) c[i * 8 + j] += a[i * 16 + k] * b[k * 8 + j];
  const DeviceArray<float> left(a), right(b), to(std::vector<float>(128));
  CHECK(run({1, 32}, Matrices{left.data, right.data, to.data}) == fine);
  CHECK(to.read() == c);
}

TEST_CASE("emulated device: the driver multiplies, transposes, adds and sums up") {
  const DeviceArray<float> a({1, 2, 3, 4, 5, 6}), b({1, 0, 2, 1, 1, 1}), bias({10, 20}), c({1, 1, 1, 1});
  MatmulTask task{DType::f32, DType::f32, 2, 2, 3, {a.data, 3}, {b.data, 2}, c.data, 2};
  matmul(task);  // (2,3) (3,2)
  CHECK(c.read() == std::vector<float>{8, 5, 20, 11});
  task.adds = true;
  task.bias = bias.data;
  matmul(task);
  CHECK(c.read() == std::vector<float>{26, 30, 50, 42});
  const MatmulTask transposed{DType::f32, DType::f32, 2, 2, 3, {a.data, 3}, {b.data, 3, true}, c.data, 2};
  matmul(transposed);  // b is stored as (2,3)
  CHECK(c.read() == std::vector<float>{7, 6, 16, 15});
  const DeviceArray<std::int32_t> flags({1, 0, 1, 1}), sums({0, 0, 0, 0}), memory({0, 0, 0, 0});
  scan(flags.data, sums.data, 4, memory.data);
  CHECK(sums.read() == std::vector<std::int32_t>{1, 1, 2, 3});
}

TEST_CASE("fault: a missing barrier is a race") {
  const DeviceArray<float> to({0, 0});
  CHECK(tells(run({2, 64}, BlockSum<Fault::no_barrier>{to.data}),
              {"kernel block_sum, block 0, thread 0: ", "element 32 of the shared array parts"}));
  const emulated::RandomOrder random(1);
  const std::string text = run({2, 64}, BlockSum<Fault::no_barrier>{to.data});
  CHECK(tells(text, {"kernel block_sum, block ", "the shared array parts"}));
}

TEST_CASE("fault: a tile that is off by one reads beyond its array") {
  const DeviceArray<float> to({0});
  CHECK(run({1, 64}, BlockSum<Fault::one_off>{to.data}) ==
        "kernel block_sum, block 0, thread 31: element 64 of the shared array parts is read, which has 64 elements");
}

TEST_CASE("fault: a shared array that is too small") {
  const DeviceArray<float> to({0});
  CHECK(run({1, 64}, BlockSum<Fault::small_array>{to.data}) ==
        "kernel block_sum, block 0, thread 32: element 32 of the shared array parts is written, which has 32 elements");
}

TEST_CASE("fault: a barrier that some threads do not come to") {
  const DeviceArray<float> to({0});
  CHECK(tells(run({1, 64}, BlockSum<Fault::divergent>{to.data}),
              {"kernel block_sum, block 0, thread ", " waits at the barrier of faults.cpp:", ", but thread ",
               "; every thread of a block must come to the same barrier"}));
}

TEST_CASE("fault: shared memory that nobody has written") {
  const DeviceArray<float> to({0});
  CHECK(
      run({1, 64}, BlockSum<Fault::unwritten>{to.data}) ==
      "kernel block_sum, block 0, thread 5: element 5 of the shared array parts is read, and no thread has written it");
}

TEST_CASE("fault: a shuffle takes from a lane that the mask does not name") {
  const DeviceArray<float> to({0});
  CHECK(tells(run({1, 32}, WarpSum<Fault::none>{0xffff, to.data}),
              {"kernel warp_sum, block 0, thread 0: shuffle_xor of faults.cpp:",
               " takes the number of lane 16, which the mask ", "0xffff does not name"}));
}

TEST_CASE("fault: a lane calls a shuffle whose mask does not name it") {
  const DeviceArray<float> to({0});
  CHECK(tells(run({1, 32}, WarpSum<Fault::none>{0xfffffffe, to.data}),
              {"thread 0: shuffle_xor of faults.cpp:", " with the mask 0xfffffffe, which does not name lane 0"}));
}

TEST_CASE("fault: a lane of the mask has left") {
  const DeviceArray<float> to({0, 0});
  CHECK(tells(run({1, 64}, WarpSum<Fault::divergent>{emulated::every_lane, to.data}),
              {"kernel warp_sum, block 0, thread 32: waits at the shuffle_xor of faults.cpp:",
               " with the mask 0xffffffff for lane 8, which has ended"}));
}

TEST_CASE("fault: a warp that the block's threads do not fill") {
  const DeviceArray<float> to({0});
  CHECK(tells(run({1, 16}, WarpSum<Fault::none>{emulated::every_lane, to.data}),
              {"thread 0: waits at the shuffle_xor of", " for lane 16, which the block does not have"}));
}

TEST_CASE("fault: lanes hand numbers over without a warp barrier") {
  const DeviceArray<int> to(std::vector<int>(32));
  CHECK(tells(run({1, 32}, Neighbours<false>{to.data}),
              {"kernel neighbours, block 0, thread ", "the shared array numbers"}));
}

TEST_CASE("fault: half of a warp votes, the other half is at the block's barrier") {
  CHECK(tells(run({1, 32}, TwoWays{}), {"kernel two_ways, block 0, thread 16: waits at the ballot of faults.cpp:",
                                        "for lane 0, which is at the barrier of faults.cpp:"}));
}

TEST_CASE("fault: more threads than the kernel, or a block, may have") {
  CHECK(run({1, 64}, TwoWays{}) ==
        "kernel two_ways: launched with 64 threads a block; it may have 1 to 32, and no block more than 1024");
  CHECK(run({1, 0}, TwoWays{}) ==
        "kernel two_ways: launched with 0 threads a block; it may have 1 to 32, and no block more than 1024");
}

TEST_CASE("fault: shared arrays that a block has no room for") {
  CHECK(run({1, 32}, Large{}) ==
        "kernel large, block 0, thread 0: the block's shared arrays take 64000 bytes, and a block may have 49152; "
        "second is "
        "the last of them");
}

TEST_CASE("fault: two blocks write the same number, so that it depends on their order") {
  const DeviceArray<float> to({0});
  std::set<float> found;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const emulated::RandomOrder random(seed);
    CHECK(run({4, 32}, Same{to.data}) == fine);
    found.insert(to.read()[0]);
  }
  CHECK(found.size() > 1);
}

TEST_CASE("fault: a write beyond the end of a device array") {
  const DeviceArray<float> to(std::vector<float>(64));
  CHECK(run({2, 32}, Writes{0, to.data}) == fine);
  const std::string text = last_words([&] { launch({2, 32}, Writes{1, to.data}); });
  if (watched)
    CHECK(tells(text, {"out of bounds: kernel writes, block 1, thread 31", "WRITE of size 4"}));
  else
    CHECK(text == "kernel writes: it wrote beyond the end of a block of device memory of 256 bytes");
}

TEST_CASE("fault: host code touches device memory") {
  if (!watched) return;
  const DeviceArray<float> to(std::vector<float>(64));
  CHECK(tells(last_words([&] { to.data[3] = 1; }), {"device memory touched by the host", "WRITE of size 4"}));
}

TEST_CASE("fault: a copy that leaves its block of device memory") {
  const DeviceArray<float> to(std::vector<float>(4));
  const std::vector<float> more(5);
  CHECK(message([&] { upload(more.data(), to.data, 20); }) ==
        "emulator: an upload of 20 bytes that are not within one block of device memory");
}
