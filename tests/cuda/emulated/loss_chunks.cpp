// The loss in the chunks of the device: that their sizes do not matter, and that they are few.
#include "tests/cuda/emulated/emulator.hpp"

#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/backend/cuda/cuda.hpp"

#include "tests/cases/cross_entropy.hpp"
#include "tests/cases/on_device.hpp"

using namespace neutra;

namespace {

/// The device with chunks of which the cases of the op need many.
struct SmallChunks : Cuda {
  static constexpr Index loss_words = 100;
  static Index loss_rows(Index) { return 64; }
};

template <bool HeadTrains> void check_small_chunks() {
  cases::check_on_device<SmallChunks, ScalarCpu, cases::CrossEntropy<HeadTrains>>([](const auto& f) {
    const gpu::emulated::RandomOrder random(3);
    f();
  });
}

/// Launches of a forward and a backward pass.
template <Backend D, bool HeadTrains> Index launches_of(Index rows, Index vocabulary) {
  cases::CrossEntropy<HeadTrains> loss{rows, 2, vocabulary};
  loss.targets.assign(static_cast<std::size_t>(rows), 1);
  const Index before = gpu::emulated::launches();
  cases::evaluate<float, D>(loss);
  return gpu::emulated::launches() - before;
}

}  // namespace

TEST_CASE("emulated: cross_entropy in small chunks") {
  check_small_chunks<false>();
  check_small_chunks<true>();
}

TEST_CASE("emulated: the launches of cross_entropy do not grow with a batch that is one chunk") {
  CHECK(launches_of<Cuda, false>(300, 1100) == launches_of<Cuda, false>(3, 5));
  CHECK(launches_of<Cuda, true>(300, 1100) == launches_of<Cuda, true>(3, 5));
  CHECK(launches_of<SmallChunks, false>(65, 101) > launches_of<SmallChunks, false>(64, 100));
  CHECK(launches_of<SmallChunks, true>(65, 101) > launches_of<SmallChunks, true>(64, 101));
}

TEST_CASE("emulated: the rows of a chunk of the loss take at most 256 MiB, where that is 256 rows or more") {
  CHECK(Cuda::loss_rows(Cuda::loss_words) == 2048);
  CHECK(Cuda::loss_rows(32000) == 2048);
  CHECK(Cuda::loss_rows(131072) == 512);
  CHECK(Cuda::loss_rows(10'000'000) == 256);
}
