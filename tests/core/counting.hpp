// A tensor of 0, 1, 2, ...
#pragma once

#include "neutra/core/tensor.hpp"

#include <numeric>

template <neutra::Scalar S> neutra::Tensor<S> counting(const neutra::Shape& shape) {
  neutra::Tensor<S> t(shape);
  std::iota(t.data(), t.data() + shape.size(), S(0));
  return t;
}
