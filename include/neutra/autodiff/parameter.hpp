/// Trainable parameters.
#pragma once

#include "neutra/autodiff/life.hpp"
#include "neutra/backend/backend.hpp"

#include <string>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI {

/// A trainable tensor with its gradient and the two moments of the optimizer.
/// `has_gradient`: whether `gradient` holds a value. The first contribution of a step overwrites; later ones (of
/// further micro-batches too) add.
/// `trained`: if false, the parameter is a constant: no gradient is computed, and optimizers leave it out.
/// `held`: a constant for this step: no gradient is computed, and optimizers leave value and moments as they are. An
/// adapter that trains in stages sets it in the forward pass.
template <Scalar S, Backend D> struct Parameter {
  std::string name;
  Tensor<S, D> value, gradient, mean, variance;
  bool has_gradient = false, trained = true, held = false;
  Life life{};

  Parameter(std::string called, Tensor<S, D> start)
      : name(std::move(called)),
        value(std::move(start)),
        gradient(value.shape()),
        mean(value.shape()),
        variance(value.shape()) {}
};

}}  // namespace neutra::NEUTRA_ABI
