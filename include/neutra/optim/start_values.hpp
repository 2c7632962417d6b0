/// The values with which trained weights begin.
#pragma once

#include "neutra/autodiff/frozen.hpp"
#include "neutra/autodiff/parameter.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace optim {

/// A parameter that began as a copy of a frozen weight, and that weight, row-major. Both must outlive it. Copies the
/// weight only if its row-major copy was freed or is rounded.
template <Scalar S, Backend D> class StartedFrom {
 public:
  /// Error: shapes differ.
  StartedFrom(Parameter<S, D>& parameter, const Frozen<S, D>& start)
      : parameter_(&parameter), start_(&start), copy_(is_there() ? Tensor<S, D>() : start.copy()) {
    require(parameter.value.shape() == start.shape(), "start values: those of ", parameter.name, " must be ",
            parameter.value.shape(), ", got ", start.shape());
  }

  Parameter<S, D>& parameter() const { return *parameter_; }
  View<const S> start() const { return is_there() ? start_->value() : View<const S>(copy_.view()); }

 private:
  bool is_there() const { return start_->rows() && start_->rows()->dtype == dtype_of<S>; }

  Parameter<S, D>* parameter_;
  const Frozen<S, D>* start_;
  Tensor<S, D> copy_;
};

}}}  // namespace neutra::NEUTRA_ABI::optim
