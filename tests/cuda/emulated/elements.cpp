// Loops over a long row, in which a thread takes four elements at a time: sizes that four does not divide, memory that
// is not aligned for four, and every function that policies are written with.
#include "tests/cuda/emulated/emulator.hpp"

#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/backend/cuda/cuda.hpp"
#include "neutra/testing/on_device.hpp"

#include "tests/catch.hpp"

#include <cmath>
#include <vector>

using namespace neutra;
using testing::from_device;

namespace {

/// y = f(x), added to y if it is an Into that adds; z = what y was, in bf16
template <Scalar S, class T> struct EveryFunction {
  View<const S> x;
  Into<S> y;
  View<T> z;

  template <class Row> NEUTRA_HD void operator()(Row row, Index n) const {
    row.each(x.cols(), [&](auto c) {
      const auto a = c.load(x.row(n));
      using V = std::remove_const_t<decltype(a)>;
      c.store(z.row(n), c.load(y.view.row(n)));
      const V positive = math::abs(a) + V(1);
      V all = math::exp(-positive) + math::log(positive) + math::log1p(positive) + math::tanh(a) + math::erf(a) +
              math::sqrt(positive) - math::min(a, positive) * math::max(a, V(S(0.5))) / positive + math::relu(a) +
              math::sign(a) + math::sigmoid(a) + math::softplus(a);
      all = math::select(a > V(1) && a <= V(2), V(3), all);
      all = math::select(a < V(-1) || !(a >= V(-2)), all - V(1), all);
      c.write(y, n, math::select(a == V(0), V(7), math::select(a != a, V(8), all)));
    });
  }
};

/// y and z, of arrays that begin `gap` elements into memory
template <class D, Scalar S> std::vector<double> run(Index count, Index gap, bool adds) {
  Tensor<float> numbers({count + gap});
  for (Index i = 0; i < numbers.size(); ++i)
    numbers.data()[i] = static_cast<float>(3 * std::sin(0.7 * static_cast<double>(i)));
  if (count > 2) numbers.data()[gap + 2] = 0;
  using T = std::conditional_t<std::is_same_v<S, float>, bf16, S>;
  const auto x = testing::on_device<S, D>(numbers);
  auto y = testing::on_device<S, D>(numbers);
  auto z = testing::on_device<T, D>(numbers);
  const Shape row{1, count};
  D::template elements<S>(
      count, 1,
      EveryFunction<S, T>{
          View<const S>(x.data() + gap, row), {View<S>(y.data() + gap, row), adds}, View<T>(z.data() + gap, row)});
  std::vector<double> all;
  for (const S value : from_device(y)) all.push_back(value);
  for (const T value : from_device(z)) all.push_back(gpu::converted<S>(value));
  return all;
}

template <Scalar S> void check(double tolerance) {
  for (const Index count : {0, 1, 3, 4, 5, 31, 128, 1027, 5000})
    for (const Index gap : {0, 1, 2, 4})
      for (const bool adds : {false, true}) {
        CAPTURE(count, gap, adds);
        const auto here = run<Cuda, S>(count, gap, adds), cpu = run<ScalarCpu, S>(count, gap, adds);
        REQUIRE(here.size() == cpu.size());
        double most = 0;
        for (std::size_t i = 0; i < here.size(); ++i) most = std::max(most, std::abs(here[i] - cpu[i]));
        CHECK(most <= tolerance);
        const gpu::emulated::RandomOrder random(3);
        CHECK(run<Cuda, S>(count, gap, adds) == here);
      }
}

}  // namespace

TEST_CASE("emulated: elements, four at a time") {
  check<float>(1e-5);
  check<double>(1e-14);
}
