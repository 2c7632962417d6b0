// The optimizer on the emulated device: its numbers, and how many launches it takes.
#include "tests/cuda/emulated/emulator.hpp"

#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/backend/cuda/cuda.hpp"
#include "neutra/core/random.hpp"
#include "neutra/optim/adamw.hpp"
#include "neutra/testing/on_device.hpp"

#include "tests/catch.hpp"

#include <cmath>
#include <deque>
#include <vector>

using namespace neutra;

namespace {

template <Scalar S, class D> Tensor<S, D> drawn(const Shape& shape, std::uint64_t purpose) {
  Tensor<double> values(shape);
  const Philox random(7, "optimizer");
  for (Index i = 0; i < values.size(); ++i) values.data()[i] = random.normal(purpose, static_cast<std::uint64_t>(i));
  return testing::on_device<S, D>(values);
}

struct Trained {
  std::vector<double> numbers, norms;
  Index launches_of_norm = 0, launches_of_step = 0;
};
Index launched() { return gpu::emulated::launches(); }

/// Three steps of `count` parameters, the third of which is held in the second step: values, moments and norms.
/// Sizes: around the four elements of a pack and the 4096 of a block, and none.
template <class D, Scalar S> Trained train(int count) {
  const std::vector<Shape> shapes{{3, 5}, {4096}, {7}, {4097}, {2, 4097}, {1}, {0}, {4}};
  std::deque<Parameter<S, D>> parameters;
  std::vector<Parameter<S, D>*> all;
  for (int i = 0; i < count; ++i) {
    const std::size_t kind = static_cast<std::size_t>(i) < shapes.size() ? static_cast<std::size_t>(i) : 0;
    parameters.emplace_back(concat("p", i), drawn<S, D>(shapes[kind], static_cast<std::uint64_t>(i)));
    all.push_back(&parameters.back());
  }
  optim::AdamW<S, D> adamw(all, {.groups = {{.name = "p1", .rate_factor = 0.5}}});
  Trained result;
  for (int step = 1; step <= 3; ++step) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i]->gradient = drawn<S, D>(all[i]->value.shape(), static_cast<std::uint64_t>(step) * 1000 + i);
      all[i]->has_gradient = true;
      all[i]->held = step == 2 && i == 2;
    }
    const Index before = launched();
    result.norms.push_back(adamw.gradient_norm());
    const Index between = launched();
    adamw.step(0.1, result.norms.back());
    result.launches_of_norm = between - before;
    result.launches_of_step = launched() - between;
  }
  for (const auto& p : parameters)
    for (const auto* tensor : {&p.value, &p.mean, &p.variance})
      for (const S x : testing::from_device(*tensor)) result.numbers.push_back(static_cast<double>(x));
  return result;
}

template <Scalar S> void check(int count, double tolerance) {
  CAPTURE(count);
  const Trained here = train<Cuda, S>(count), cpu = train<ScalarCpu, S>(count);
  REQUIRE(here.numbers.size() == cpu.numbers.size());
  double most = 0;
  for (std::size_t i = 0; i < here.numbers.size(); ++i)
    most = std::max(most, std::abs(here.numbers[i] - cpu.numbers[i]));
  for (std::size_t i = 0; i < here.norms.size(); ++i) most = std::max(most, std::abs(here.norms[i] / cpu.norms[i] - 1));
  CHECK(most <= tolerance);
  const gpu::emulated::RandomOrder random(5);
  const Trained again = train<Cuda, S>(count);
  CHECK(again.numbers == here.numbers);
  CHECK(again.norms == here.norms);
}

}  // namespace

TEST_CASE("emulated: AdamW and the gradient norm of parameters of any size") {
  check<float>(8, 1e-6);
  check<double>(8, 1e-14);
}

TEST_CASE("emulated: AdamW and the gradient norm take one launch for as many parameters as a kernel may list") {
  constexpr int listed = gpu::RowsOfEach<float, optim::AdamWUpdate<float>>::most;
  STATIC_REQUIRE(listed >= 50);
  // One of the eight sizes is none, which needs no place in a list.
  const Trained one = train<Cuda, float>(listed + 1), two = train<Cuda, float>(listed + 2);
  CHECK(one.launches_of_norm == 1);
  CHECK(one.launches_of_step == 1);
  CHECK(two.launches_of_norm == 1);
  CHECK(two.launches_of_step == 2);
  check<float>(listed + 2, 1e-6);
}
