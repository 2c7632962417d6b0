// Every function of core/math.hpp on the device, called through the concept that policies use.
#include "neutra/core/math.hpp"

#include "tests/cuda/kernel.cuh"

namespace math = neutra::math;

struct EveryFunction {
  template <class V> NEUTRA_HD V f(V x) const {
    const V positive = math::abs(x) + V(1);
    return math::exp(x) + math::log(positive) + math::log1p(positive) + math::tanh(x) + math::erf(x) +
           math::sqrt(positive) + math::min(x, positive) + math::max(x, positive) + math::relu(x) + math::sign(x) +
           math::sigmoid(x) + math::softplus(x);
  }
  template <class V> NEUTRA_HD V df(V x, V y) const { return math::select(x > V(0), y, V(0)); }
};

void compile_core() { compile(EveryFunction{}); }
