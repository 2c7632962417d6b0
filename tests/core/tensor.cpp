#include "neutra/core/tensor.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <vector>

using namespace neutra;

TEST_CASE("tensor: zeroed, aligned to a cache line, from a few bytes to several huge pages") {
  for (const Index size : {0, 1, 17, 1000, 600000, 1500000}) {
    CAPTURE(size);
    void* dirty = std::malloc(static_cast<std::size_t>(size) * sizeof(float) + 1);
    std::memset(dirty, 0xff, static_cast<std::size_t>(size) * sizeof(float) + 1);
    std::free(dirty);
    const Tensor<float> t({size});
    CHECK(t.data() != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(t.data()) % 64 == 0);
    CHECK(std::all_of(t.data(), t.data() + size, [](float x) { return x == 0; }));
    CHECK(t.size() == size);
    CHECK(t.empty() == (size == 0));
  }
}

TEST_CASE("tensor: moves keep the memory, clones have their own, copies do not exist") {
  Tensor<double> a({2, 3});
  a.view()(1, 2) = 5;
  const double* memory = a.data();
  Tensor<double> copy = a.clone();
  CHECK(copy.data() != memory);
  CHECK(copy.shape() == Shape{2, 3});
  copy.data()[5] = 6;
  CHECK(a.data()[5] == 5);
  const Tensor<double> b = std::move(a);
  CHECK(b.data() == memory);
  CHECK(a.size() == 0);
  CHECK(a.data() == nullptr);
  static_assert(!std::is_copy_constructible_v<Tensor<double>> && !std::is_copy_assignable_v<Tensor<double>>);
  const View<const double> view = b;
  CHECK(view.data == memory);
  CHECK(Tensor<double>().empty());
}

TEST_CASE("tensor: more than the machine has is an Error before anything is touched") {
  CHECK(message([] {
          Tensor<double>({Index{1} << 61, 2});
        }) == "Tensor: 4611686018427387904 x 8 elements are more than a machine can address");
  CHECK(message([] { Tensor<double>({Index{1} << 58}); }) ==
        "out of memory: asked for 2305843009213693952 bytes; use a smaller batch, model or sequence");
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
TEST_CASE("tensor: freed memory returns to the system, also between live tensors") {
  const auto resident = [] {
    std::ifstream statm("/proc/self/statm");
    Index total = 0, pages = 0;
    statm >> total >> pages;
    return pages * sysconf(_SC_PAGESIZE);
  };
  { const Tensor<float> large({4 << 20}); }  // after this is freed, glibc serves smaller blocks from its heap
  for (const Index kib : {400, 1000, 2100, 3000}) {
    CAPTURE(kib);
    std::vector<Tensor<float>> all(64);
    for (auto& one : all) {
      one = Tensor<float>({kib * 256});
      std::fill_n(one.data(), one.size(), 7.0f);
    }
    const Index before = resident();
    for (std::size_t i = 0; i < all.size(); i += 2) all[i] = {};
    CHECK(before - resident() > 32 * (kib - 200) * 1024);
    for (std::size_t i = 1; i < all.size(); i += 2)
      CHECK(std::all_of(all[i].data(), all[i].data() + all[i].size(), [](float x) { return x == 7; }));
  }
}
#endif
