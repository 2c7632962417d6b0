// Tiny models on the emulated device and on the reference, the CPU without SIMD: the numbers of a pass and of training
// steps.
#pragma once

#include "tests/cuda/emulated/instances.hpp"

#include "neutra/testing/check_policy.hpp"

#include "tests/catch.hpp"

namespace emulated_models {

using namespace neutra;

/// All numbers of a pass and of a few training steps, as testing::numbers_of.
struct History {
  testing::Numbers numbers;
  std::vector<double> losses;
};
inline bool operator==(const History& a, const History& b) {
  return a.numbers.logits == b.numbers.logits && a.numbers.losses == b.numbers.losses &&
         a.numbers.gradients == b.numbers.gradients && a.losses == b.losses;
}

template <class A, Scalar S, Backend D>
History history_of(nn::Transformer<A, S, D>& model, int steps, bool spread = false) {
  testing::fill_zero_parameters(model.parameters());
  if (spread) testing::detail::spread_gates(model.parameters());
  History history{testing::numbers_of(model, testing::TinyBatch(), S(0.3)), {}};
  history.losses = testing::train_on(model, testing::TinyBatch({1, 0}), steps);
  return history;
}

/// history(cuda) on the emulated device is that of the reference, and its bits do not depend on the order of threads.
/// history: called with a device as template parameter.
template <class F> void check_history(const F& history) {
  const History right = history.template operator()<ReferenceDevice>(), cuda = history.template operator()<Cuda>();
  CHECK(testing::relative_difference(cuda.numbers.logits, right.numbers.logits) < 1e-5);
  CHECK(testing::relative_difference(cuda.numbers.losses, right.numbers.losses) < 1e-5);
  CHECK(testing::relative_difference(cuda.numbers.gradients, right.numbers.gradients) < 1e-5);
  CHECK(testing::relative_difference(cuda.losses, right.losses) < 1e-4);
  const gpu::emulated::RandomOrder random(3);
  CHECK(history.template operator()<Cuda>() == cuda);
}

}  // namespace emulated_models
