// Memory that calls of the backend reuse.
#include "tests/cuda/emulated/emulator.hpp"

#include "neutra/backend/cuda/cuda.hpp"
#include "neutra/testing/on_device.hpp"

#include "tests/catch.hpp"

#include <cstdint>
#include <vector>

using namespace neutra;
using testing::from_device;
using testing::on_device;

namespace {

struct Whole {
  View<const float> x;
  template <class L> NEUTRA_HD auto operator()(Index n, L c) const { return c.load(x.row(n)); }
};

/// Rows of which every third is open, as a call of each loop that needs memory of its own sees them.
struct Loops {
  static constexpr Index count = 1500, cols = 3;
  Tensor<float, Cuda> gates, x, sums, one, into;
  Tensor<std::int32_t, Cuda> index, place;
  Loops() : sums({cols}), one({1}), into({count, cols}), index({count}), place({count}) {
    Tensor<float> values({count}), rows({count, cols});
    for (Index n = 0; n < count; n += 3) values.data()[n] = 1;
    for (Index i = 0; i < rows.size(); ++i) rows.data()[i] = 1;
    gates = on_device<float, Cuda>(values);
    x = on_device<float, Cuda>(rows);
  }
  Index run() {
    const Index open = Cuda::open_rows<float>(gates.view(), {}, index.data(), place.data());
    Cuda::column_sums<float>(count, cols, Whole{x.view()}, Into<float>{sums.view()});
    Cuda::sum<float>(View<const float>(x.data(), {1, x.size()}), 1, Into<float>{one.view()});
    Cuda::add_rows<float>(x.view().slice(0, open), index.data(), Into<float>{into.view()});
    return open;
  }
};

}  // namespace

TEST_CASE("emulated: loops allocate no memory after the first call") {
  Loops loops;
  const auto& memory = gpu::emulated::Memory::instance();
  CHECK(loops.run() == Loops::count / 3);
  const auto index = from_device(loops.index), place = from_device(loops.place);
  const Index before = memory.allocated;
  CHECK(loops.run() == Loops::count / 3);
  CHECK(memory.allocated == before);
  CHECK(from_device(loops.index) == index);
  CHECK(from_device(loops.place) == place);
  for (std::size_t n = 0; n < place.size(); ++n)
    REQUIRE(place[n] == (n % 3 == 0 ? static_cast<std::int32_t>(n / 3) : -1));
  CHECK(from_device(loops.sums) == std::vector<float>(Loops::cols, Loops::count));
  CHECK(from_device(loops.one) == std::vector<float>{Loops::count * Loops::cols});
  CHECK(from_device(loops.into)[0] == 1);
  CHECK(from_device(loops.into)[3] == 0);
}

TEST_CASE("emulated: uploads do not see what the host writes after them, however many there are") {
  using gpu::Staging;
  constexpr Index part = Staging::slot_bytes / sizeof(std::int32_t), most = Staging::most_bytes / sizeof(std::int32_t);
  // As many as fill all slots, and more; a part of one slot, several slots, and what no slot is for.
  for (const Index size : {Index{0}, Index{1}, part, 2 * part + 1, most, most + 1}) {
    CAPTURE(size);
    std::vector<Tensor<std::int32_t, Cuda>> there;
    for (Index n = 0; n < Staging::slots + 3; ++n) there.emplace_back(Shape{size});
    for (std::size_t n = 0; n < there.size(); ++n) {
      std::vector<std::int32_t> here(static_cast<std::size_t>(size), static_cast<std::int32_t>(n));
      Cuda::upload<std::int32_t>(here, there[n].data());
      std::fill(here.begin(), here.end(), -1);
    }
    for (std::size_t n = 0; n < there.size(); ++n) {
      const auto back = from_device(there[n]);
      CHECK(back == std::vector<std::int32_t>(back.size(), static_cast<std::int32_t>(n)));
    }
  }
}

TEST_CASE("emulated: an upload waits for the device only when all slots are taken") {
  const std::vector<std::int32_t> one{1};
  Tensor<std::int32_t, Cuda> there({1});
  from_device(there);  // the device is done with what was asked before
  const auto& uploads = gpu::emulated::Uploads::instance();
  const Index before = uploads.made;
  for (Index n = 0; n < gpu::Staging::slots; ++n) Cuda::upload<std::int32_t>(one, there.data());
  CHECK(uploads.made == before);
  Cuda::upload<std::int32_t>(one, there.data());
  CHECK(uploads.made == before + 1);
  CHECK(from_device(there) == one);
  CHECK(uploads.made == before + gpu::Staging::slots + 1);
}
